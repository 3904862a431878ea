"""The paper's experiments: each module measures one thing and returns tables that say what they do not show."""

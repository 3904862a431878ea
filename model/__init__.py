"""What embeds: anchors, audio encoders, and the model directories that hold them."""

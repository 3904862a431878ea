"""What aligns sounds with the anchor: manifests, captions, losses, recipes and evaluation."""

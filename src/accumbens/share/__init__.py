"""What leaves the training machine: folders with a trained network that acts anywhere, and the Hugging Face Hub."""

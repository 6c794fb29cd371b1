"""The parts of a training run: its data, its encoder, its batches, its loop and its checkpoints. For worker processes only."""

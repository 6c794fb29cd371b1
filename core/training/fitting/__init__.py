"""The parts of a training run: its data, its encoder, its batches, its micro-batches and its loop. For worker processes only."""

"""A bidirectional LSTM over a long sequence, in memory of little more than its input and its output."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@torch.no_grad()
def long_lstm(lstm: nn.LSTM, sequence: Tensor, chunk: int) -> Tensor:
    """What an LSTM gives in evaluation mode, without gradients.

    Layer by layer and direction by direction, the state handed on from chunk to chunk.

    Args:
        lstm: bidirectional.
        sequence: shape (steps, features).
        chunk: steps that are run at a time.

    Returns:
        shape (steps, 2 * hidden units).
    """
    starts = range(0, sequence.shape[0], chunk)
    for layer in range(lstm.num_layers):
        output = sequence.new_empty(sequence.shape[0], 2 * lstm.hidden_size)
        ahead, back = output.split(lstm.hidden_size, dim=1)
        cell, state = _cell(lstm, sequence, f"l{layer}"), None
        for start in starts:
            ahead[start : start + chunk], state = cell(sequence[start : start + chunk], state)
        cell, state = _cell(lstm, sequence, f"l{layer}_reverse"), None
        for start in reversed(starts):
            heard, state = cell(sequence[start : start + chunk].flip(0), state)
            back[start : start + chunk] = heard.flip(0)
        sequence = output
    return sequence


def _cell(lstm: nn.LSTM, sequence: Tensor, suffix: str) -> nn.LSTM:
    """One layer and direction by itself; made without values, so that no random number is drawn for it."""
    cell = nn.LSTM(sequence.shape[1], lstm.hidden_size, device="meta", dtype=sequence.dtype)
    cell = cell.to_empty(device=sequence.device).eval()
    cell.load_state_dict({f"{name}_l0": lstm.get_parameter(f"{name}_{suffix}") for name in PARAMETERS})
    return cell

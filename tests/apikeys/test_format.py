"""How a key is written: what can't be one is known without asking anybody."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from vestibule.apikeys import format
from vestibule.apikeys.format import digest_of, hint_of, new_key, parse, prefix_of
from vestibule.ids import new_id

ids = st.uuids() | st.just(UUID(int=0)) | st.just(UUID(int=2**128 - 1))
anything = st.characters()
SCANNED = re.search(r"^ +(\\b.*\\b)$", format.__doc__ or "", re.MULTILINE)


@given(ids)
def test_a_key_names_its_record_and_its_digest(key_id: UUID) -> None:
    key = new_key(key_id)

    text = key.get_secret_value()

    assert parse(text) == (key_id, hashlib.sha256(text.encode()).digest())
    assert digest_of(key) == hashlib.sha256(text.encode()).digest()
    assert len(text) == format.LENGTH
    assert text.startswith(prefix_of(key_id) + "_")
    assert text.endswith(hint_of(key))


@given(ids, st.integers(0, format.LENGTH - 1), anything)
def test_a_key_with_any_one_character_changed_is_refused(
    key_id: UUID, position: int, character: str
) -> None:
    text = new_key(key_id).get_secret_value()

    changed = text[:position] + character + text[position + 1 :]

    assert (parse(changed) is None) == (changed != text)


@given(ids, st.integers(0, format.LENGTH - 1))
def test_a_key_with_a_character_lost_or_doubled_is_refused(key_id: UUID, position: int) -> None:
    text = new_key(key_id).get_secret_value()

    lost = text[:position] + text[position + 1 :]
    doubled = text[:position] + text[position] + text[position:]

    assert parse(lost) is None
    assert parse(doubled) is None


@given(st.text())
def test_what_is_no_key_is_refused(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("around", ["{}\n", " {}", "{}\x00", "{}{}", "Bearer {}"])
def test_a_key_with_something_around_it_is_refused(around: str) -> None:
    text = new_key(new_id()).get_secret_value()

    assert parse(around.replace("{}", text)) is None


def test_an_id_that_is_no_uuid_is_refused_though_the_checksum_is_right() -> None:
    body = "vst_" + "z" * 22 + "_" + "0" * 43
    number, digits = crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = format.ALPHABET[digit] + digits

    assert parse(body + digits) is None


@pytest.mark.parametrize("line", ['key = "{}"', "curl -H 'X-API-Key: {}'", "KEY={}&x=1", "{}"])
def test_secret_scanners_find_a_key_with_the_published_expression(line: str) -> None:
    assert SCANNED is not None
    text = new_key(new_id()).get_secret_value()

    found = re.findall(SCANNED[1], line.replace("{}", text))

    assert found == [text]


def test_two_keys_of_one_record_share_nothing_but_its_prefix() -> None:
    key_id = new_id()

    keys = {new_key(key_id).get_secret_value() for _ in range(100)}

    assert len({key[len(prefix_of(key_id)) :] for key in keys}) == 100
    assert len({digest_of(SecretStr(key)) for key in keys}) == 100


def test_a_key_does_not_show_itself() -> None:
    key = new_key(new_id())

    shown = f"{key} {key!r} {[key]}"

    assert "vst_" not in shown

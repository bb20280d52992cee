"""The tree: the published vectors, every path, and none that does not belong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.evidence import leaf_hash, path_of, root_by, root_of

# of the reference implementation of RFC 6962 (certificate-transparency, merkle_tree_test)
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def hashes(number):
    """Return the hashes of so many leaves."""
    return [leaf_hash(str(one).encode()) for one in range(number)]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_rfc_6962(size):
    """As the reference implementation has them."""
    assert ROOTS[size - 1] == root_of(leaf_hash(bytes.fromhex(one)) for one in LEAVES[:size]).hex()


def test_the_empty_tree():
    """The hash of nothing (section 2.1)."""
    assert "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" == root_of([]).hex()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 33])
def test_every_leaf_has_a_path_to_the_root(size):
    """And to no other root by any other place."""
    tree = hashes(size)
    for index in range(size):
        path = path_of(tree, index)
        assert root_of(tree) == root_by(tree[index], index, size, path)
        assert all(root_of(tree) != root_by(tree[index], other, size, path) for other in range(size) if other != index)


@settings(max_examples=50)
@given(st.integers(2, 40), st.data())
def test_a_changed_path_leads_elsewhere(size, data):
    """A byte flipped in the leaf or in the path, a hash dropped or added."""
    tree = hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path = path_of(tree, index)
    place = data.draw(st.integers(0, len(path) - 1))
    flip = bytearray(path[place])
    flip[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert root_of(tree) != root_by(tree[index], index, size, [*path[:place], bytes(flip), *path[place + 1 :]])
    assert root_of(tree) != root_by(bytes(flip), index, size, path)
    assert root_of(tree) != root_by(tree[index], index, size, path[:place] + path[place + 1 :])
    assert root_of(tree) != root_by(tree[index], index, size, [*path, tree[0]])


def test_a_node_is_no_leaf():
    """Two hashes taken for a leaf's data have another hash than their node: the prefixes differ."""
    left, right = hashes(2)
    assert root_of([left, right]) != leaf_hash(left + right)

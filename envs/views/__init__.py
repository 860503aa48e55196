"""The same world through the interfaces people know; none of them adds behaviour."""

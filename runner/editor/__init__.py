"""The language server: what an editor shows and changes while a spec is written.

Read in this order: `analysis` (a text and all that is known of it), `cursor` (where in the spec a place is, however
broken the text), `language` (the schema at a path), `names` (what is declared and referred to), `expressions` (what
stands inside `${{ }}`); then one file per feature: `completion`, `hover`, `rename`, `outline`, `actions`, `hints`.
They take a text and a place and return plain data. `wire` and `server` alone know the protocol.

Places are those of the compiler: 1-based lines and columns, in characters.
"""

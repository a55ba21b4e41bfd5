# Plain comments become Doxygen's: one that follows code on its line is about that, any other about what
# follows. The licence's line and headings between dashes stay plain.
/SPDX-License-Identifier/b
/\/\* ----/b
s:^\( *\)/\*$:\1/**:
s:^\( *\)/\* :\1/** :
t
s:\([;,{a-zA-Z0-9_)]\)\( *\)/\* :\1\2/**< :

# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C file that holds the text of FILE as the string NAME:
#   cmake -DFILE=script.py -DNAME=script -DOUTPUT=script.c -P embed_script.cmake
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n${bytes}0x00};\n")

# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=… -DHEAD=p.lua -DFILES=a.lua;b.lua -P embed.cmake: each file becomes a C string
# text_<name>, with HEAD before it.
# Line by line, and without comments: C promises no more than 4095 bytes of a literal.
file(WRITE ${OUT}.new "/* Made by cmake/embed.cmake. */\n")
file(READ ${HEAD} head)
foreach(path IN LISTS FILES)
    get_filename_component(name ${path} NAME_WE)
    file(READ ${path} text)
    string(PREPEND text "${head}")
    string(REGEX REPLACE "(^|\n) *--[^\n]*" "\\1" text "${text}") # the lines keep their numbers
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    file(APPEND ${OUT}.new "static const char text_${name}[] =\n    \"${text}\";\n")
endforeach()
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)

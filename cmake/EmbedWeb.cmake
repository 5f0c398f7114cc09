# Embeds files into a library by the assembler's .incbin: no huge C arrays, milliseconds a file.
#
#   embed_web(<target> FOLDER <folder> FILES <names…> [DEPENDS <targets or files…>])
#
# makes a static library holding all() of dashboard/<target>.h, in the namespace ds::<target>. A
# file's compressed form is taken from <name>.gz beside it, when it is there. The table is written by this same file, run
# as a script once the files are built, since ETags are hashes of them.

if(CMAKE_SCRIPT_MODE_FILE)
  # -DNAME= -DFOLDER= -DFILES=a,b -DOUT=
  string(REPLACE "," ";" FILES "${FILES}")
  set(type_html "text/html; charset=utf-8")
  set(type_js "text/javascript; charset=utf-8")
  set(type_css "text/css; charset=utf-8")
  set(type_svg "image/svg+xml")

  set(asm "    .section .rodata\n")
  set(extern "")
  set(table "")
  function(embed symbol file)  # <symbol>_begin and <symbol>_end enclose the file's bytes
    string(APPEND asm "    .global ${symbol}_begin, ${symbol}_end\n    .balign 16\n"
      "${symbol}_begin:\n    .incbin \"${file}\"\n${symbol}_end:\n    .byte 0\n")
    string(APPEND extern "extern const char ${symbol}_begin[], ${symbol}_end[];\n")
    set(asm "${asm}" PARENT_SCOPE)
    set(extern "${extern}" PARENT_SCOPE)
  endfunction()

  foreach(file IN LISTS FILES)
    string(MAKE_C_IDENTIFIER "ds_${NAME}_${file}" symbol)
    embed(${symbol} ${FOLDER}/${file})
    set(gzip "{}")
    if(EXISTS ${FOLDER}/${file}.gz)
      embed(${symbol}_gz ${FOLDER}/${file}.gz)
      set(gzip "{${symbol}_gz_begin, ${symbol}_gz_end}")
    endif()
    file(SHA256 ${FOLDER}/${file} hash)
    string(SUBSTRING ${hash} 0 16 hash)
    get_filename_component(extension ${file} LAST_EXT)
    string(REPLACE "." "type_" type ${extension})
    string(APPEND table "    {\"/${file}\", \"${${type}}\", \"W/\\\"${hash}\\\"\",\n"
      "     {${symbol}_begin, ${symbol}_end}, ${gzip}},\n")
  endforeach()

  file(WRITE ${OUT}/web_assets.S "${asm}    .section .note.GNU-stack,\"\",@progbits\n")
  file(WRITE ${OUT}/web_assets.cc "#include \"${NAME}.h\"\n\n"
    "extern \"C\" {\n${extern}}\n\n"
    "namespace ds::${NAME} {\n\nstd::span<const web_assets::Asset> all() {\n"
    "  static const web_assets::Asset table[] = {\n${table}  };\n  return table;\n}\n\n"
    "}  // namespace ds::${NAME}\n")
  return()
endif()

set(EMBED_WEB_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(embed_web target)
  cmake_parse_arguments(A "" "FOLDER" "FILES;DEPENDS" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target})
  list(TRANSFORM A_FILES PREPEND ${A_FOLDER}/ OUTPUT_VARIABLE paths)
  string(REPLACE ";" "," names "${A_FILES}")
  add_custom_command(OUTPUT ${out}/web_assets.S ${out}/web_assets.cc
    COMMAND ${CMAKE_COMMAND} -DNAME=${target} -DFOLDER=${A_FOLDER} -DFILES=${names} -DOUT=${out}
            -P ${EMBED_WEB_SCRIPT}
    DEPENDS ${paths} ${A_DEPENDS} ${EMBED_WEB_SCRIPT}
    VERBATIM COMMENT "embedding ${target}")
  set_source_files_properties(${out}/web_assets.S PROPERTIES OBJECT_DEPENDS "${paths}")
  add_library(${target} STATIC ${out}/web_assets.S ${out}/web_assets.cc)
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

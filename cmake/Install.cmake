# `make install` and `make package`: the program, its manual page and completion (both printed by
# the program itself), what lies in deploy/ for systemd, the scenarios and the schemas.
include(GNUInstallDirs)

set(man ${CMAKE_BINARY_DIR}/datastorm.1)
set(completion ${CMAKE_BINARY_DIR}/datastorm.bash)
add_custom_command(OUTPUT ${man} ${completion}
  COMMAND datastorm man > ${man}
  COMMAND datastorm completion > ${completion}
  DEPENDS datastorm VERBATIM COMMENT "printing the manual page and the completion")
add_custom_target(installable DEPENDS datastorm ${man} ${completion})

install(TARGETS datastorm)
install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME datastorm)
install(DIRECTORY scenarios schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/datastorm)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
file(GLOB units deploy/systemd/*.service)
install(FILES ${units} DESTINATION lib/systemd/system)
install(FILES deploy/systemd/datastorm.sysusers DESTINATION lib/sysusers.d RENAME datastorm.conf)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the DataStorm maintainers <maintainers@datastorm.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
  "storm of labelled records through Apache Kafka, stored, shown and proven")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
file(GLOB CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/deploy/debian/*)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # by dpkg-shlibdeps: what the program is linked with
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libmongoc-1.0-0")  # loaded when a mongo: sink is used
include(CPack)

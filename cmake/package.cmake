# What `cmake --install` and the packages hold besides the program.
include(GNUInstallDirs)

set(described ${CMAKE_BINARY_DIR}/described)  # made by src/cli
install(TARGETS ledgerline RUNTIME DESTINATION bin)
install(FILES ${described}/ledgerline.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${described}/ledgerline DESTINATION share/bash-completion/completions)
install(FILES ${described}/_ledgerline DESTINATION share/zsh/vendor-completions)
install(FILES ${described}/ledgerline.fish DESTINATION share/fish/vendor_completions.d)

# Only for the Debian package: their places are fixed.
file(GLOB units ${PROJECT_SOURCE_DIR}/packaging/systemd/*.service)
install(FILES ${units} DESTINATION /lib/systemd/system COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/ledgerline.env DESTINATION /etc/ledgerline
  COMPONENT debian EXCLUDE_FROM_ALL)
foreach(document README.md CHANGELOG.md LICENSE)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${document})
    install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION share/doc/ledgerline)
  endif()
endforeach()

set(CPACK_PACKAGE_NAME ledgerline)
set(CPACK_PACKAGE_VENDOR "The Ledgerline authors")
set(CPACK_PACKAGE_CONTACT "The Ledgerline authors <ledgerline@example.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "event-driven ledger on PostgreSQL and Kafka")
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};ledgerline;ALL;/" "${CMAKE_BINARY_DIR};ledgerline;debian;/")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates, procps")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS postgresql)  # for the private cluster of `up`
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/${script})
endforeach()
include(CPack)

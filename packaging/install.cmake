# What a package of a distribution would hold.
include(GNUInstallDirs)
install(TARGETS netpasd netpas netpas-browser-host netpas-isp netpas-payee netpas-lab RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET netpas-dht)
  install(TARGETS netpas-dht RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET netpas-window)
  install(TARGETS netpas-window RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/resources/man/netpas-secretary.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${PROJECT_SOURCE_DIR}/resources/desktop/netpas-secretary.desktop
    DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
  install(FILES ${PROJECT_SOURCE_DIR}/resources/icons/netpas-secretary.svg
    DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps)
endif()
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/completions/netpas.${shell}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completions
    COMMAND netpas completion ${shell} > ${CMAKE_BINARY_DIR}/completions/netpas.${shell}
    DEPENDS netpas VERBATIM)
  list(APPEND completions ${CMAKE_BINARY_DIR}/completions/netpas.${shell})
endforeach()
add_custom_target(completions ALL DEPENDS ${completions})
install(FILES ${CMAKE_BINARY_DIR}/completions/netpas.bash RENAME netpas
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${CMAKE_BINARY_DIR}/completions/netpas.zsh RENAME _netpas
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${CMAKE_BINARY_DIR}/completions/netpas.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
set(resources ${PROJECT_SOURCE_DIR}/resources)
install(FILES ${resources}/man/netpas.1 ${resources}/man/netpas-isp.1 ${resources}/man/netpas-lab.1
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${resources}/man/netpasd.8 ${resources}/man/netpas-payee.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
# openapi.json refers to the schema beside it.
install(FILES ${resources}/api/openapi.json ${resources}/api/rules.schema.json ${resources}/api/README.md
  ${resources}/api/contacts.md ${resources}/api/content.md ${resources}/api/payments.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/netpas/api)
install(DIRECTORY ${resources}/topologies DESTINATION ${CMAKE_INSTALL_DATADIR}/netpas)
install(FILES ${resources}/systemd/netpasd.service DESTINATION lib/systemd/system)
install(FILES ${resources}/systemd/netpas-users.conf RENAME netpas.conf DESTINATION lib/sysusers.d)
# Where the players look, whatever the prefix.
set(NETPAS_MPV_FOLDER /etc/mpv CACHE PATH "mpv's folder for everybody's scripts")
install(FILES ${resources}/players/mpv/netpas.lua DESTINATION ${NETPAS_MPV_FOLDER}/scripts)
install(FILES ${resources}/players/mpv/netpas.conf DESTINATION ${NETPAS_MPV_FOLDER}/script-opts)
install(FILES ${resources}/players/vlc/extensions/netpas.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/vlc/lua/extensions)
install(FILES ${resources}/players/vlc/intf/netpas.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/vlc/lua/intf)
# The extension where Debian's browsers look for everybody's, and, whatever the prefix, the manifests that let it start netpas-browser-host.
set(browser ${resources}/players/browser)
install(DIRECTORY ${browser}/extension/ DESTINATION ${CMAKE_INSTALL_DATADIR}/chromium/extensions/netpas)
install(DIRECTORY ${browser}/extension/
  DESTINATION "${CMAKE_INSTALL_DATADIR}/mozilla/extensions/{ec8030f7-c20a-464f-9b0e-13a3a9e97384}/browser@netpas.example")
set(NETPAS_CHROMIUM_HOSTS /etc/chromium/native-messaging-hosts CACHE PATH "Chromium's folder for programs that extensions start")
set(NETPAS_MOZILLA_HOSTS /usr/lib/mozilla/native-messaging-hosts CACHE PATH "Firefox's folder for the same")
foreach(kind chromium mozilla)
  string(TOUPPER NETPAS_${kind}_HOSTS folder)
  string(REPLACE mozilla firefox name ${kind})
  # The prefix is known only when it is installed.
  install(CODE "
    set(NETPAS_BROWSER_HOST \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/netpas-browser-host\")
    set(manifest \"\$ENV{DESTDIR}${${folder}}/netpas.browser_host.json\")
    message(STATUS \"Installing: \${manifest}\")
    configure_file(${browser}/${name}.json.in \"\${manifest}\" @ONLY)")
endforeach()

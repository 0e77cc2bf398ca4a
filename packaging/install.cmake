# What a package of a distribution would hold.
include(GNUInstallDirs)
install(TARGETS netpasd netpas netpas-isp netpas-payee netpas-lab RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET netpas-dht)
  install(TARGETS netpas-dht RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
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
install(DIRECTORY ${resources}/topologies DESTINATION ${CMAKE_INSTALL_DATADIR}/netpas)
install(FILES ${resources}/systemd/netpasd.service DESTINATION lib/systemd/system)
install(FILES ${resources}/systemd/netpas-users.conf RENAME netpas.conf DESTINATION lib/sysusers.d)
# Where the players look, whatever the prefix.
set(NETPAS_MPV_FOLDER /etc/mpv CACHE PATH "mpv's folder for everybody's scripts")
install(FILES ${resources}/players/mpv/netpas.lua DESTINATION ${NETPAS_MPV_FOLDER}/scripts)
install(FILES ${resources}/players/mpv/netpas.conf DESTINATION ${NETPAS_MPV_FOLDER}/script-opts)
install(FILES ${resources}/players/vlc/extensions/netpas.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/vlc/lua/extensions)
install(FILES ${resources}/players/vlc/intf/netpas.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/vlc/lua/intf)

# ledgerline_harden(TARGET): what makes a fault of ours harder to use. Only for what is in the program: tests are not
# optimised, and FORTIFY needs that. SECURITY.md names the flags, hardening_test looks for them in the program.
function(ledgerline_harden target)
  target_compile_options(${target} PRIVATE -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection=full)
  target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  # Sanitizers check the same calls, and more of them, themselves.
  if(NOT LEDGERLINE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_link_options(${target} PRIVATE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
  endif()
endfunction()

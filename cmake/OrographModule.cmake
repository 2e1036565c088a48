# orograph_module(NAME [TORCH] SOURCES a.cpp ... DEPENDS core par ... LIBRARIES targets...)
#
# A module as a static library orograph_NAME. DEPENDS are the lower modules it may include (public), LIBRARIES the outside ones that only
# its sources see. TORCH adds LibTorch (public) with the shared precompiled header.
function(orograph_module name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(orograph_${name} STATIC ${ARG_SOURCES})
  orograph_settings(orograph_${name})
  list(TRANSFORM ARG_DEPENDS PREPEND orograph_)
  target_link_libraries(orograph_${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_LIBRARIES})
  if(ARG_TORCH)
    orograph_use_torch(orograph_${name})
  endif()
endfunction()

function(orograph_settings target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_compile_definitions(${target} PUBLIC OROGRAPH_CONTRACTS=$<BOOL:${OROGRAPH_CONTRACTS}> OROGRAPH_CUDA=$<BOOL:${OROGRAPH_CUDA}>)
  # No contraction: a product and a sum are rounded once each, on every machine.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-missing-field-initializers -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -ffp-contract=off>
                                           $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false>)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    # Before libtorch in the order of symbols: it exports an older std::filesystem, whose remove_all() crashes, and the std::call_once of
    # another oneDNN, with which libdnnl's GEMM sets up the wrong kernels.
    target_link_options(${target} BEFORE PRIVATE LINKER:--push-state,--no-as-needed,-lstdc++,${ONEDNN_LIBRARY},--pop-state)
  endif()
endfunction()

# Torch's headers, parsed once: orograph_torch_pch owns the precompiled header that every torch source reuses.
function(orograph_use_torch target)
  target_link_libraries(${target} PUBLIC orograph_torch)
  if(NOT TARGET orograph_torch_pch)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/torch_pch.cpp CONTENT "" @ONLY)
    add_library(orograph_torch_pch OBJECT ${CMAKE_BINARY_DIR}/torch_pch.cpp)
    orograph_settings(orograph_torch_pch)
    target_link_libraries(orograph_torch_pch PUBLIC orograph_torch)
    target_precompile_headers(orograph_torch_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/torch_pch.hpp)
  endif()
  target_precompile_headers(${target} REUSE_FROM orograph_torch_pch)
endfunction()

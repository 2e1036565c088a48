find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(MPI REQUIRED COMPONENTS CXX)
set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 REQUIRED COMPONENTS C HL)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 is there without MPI. Install libhdf5-openmpi-dev, or pass -DHDF5_ROOT=... of a parallel HDF5.")
endif()
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
add_library(orograph_xxhash INTERFACE)
target_include_directories(orograph_xxhash INTERFACE ${XXHASH_INCLUDE_DIR})
target_link_libraries(orograph_xxhash INTERFACE ${XXHASH_LIBRARY})

# Debian's oneDNN, not the copy whose headers lie in torch's include folder.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp PATHS /usr/include NO_CMAKE_PATH NO_CMAKE_ENVIRONMENT_PATH REQUIRED)
find_library(ONEDNN_LIBRARY dnnl PATHS /usr/lib REQUIRED)
add_library(orograph_onednn INTERFACE)
target_include_directories(orograph_onednn SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(orograph_onednn INTERFACE ${ONEDNN_LIBRARY})

# A LibTorch with CUDA looks for the toolkit even where our own CUDA code is left out.
set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows no 20 here
set(TORCH_CUDA_ARCH_LIST "8.0;9.0")  # Torch's own detection runs a project that fails without a GPU
if(NOT TARGET CUDA::nvToolsExt)
  # CMake 3.25.1 marks this target as deprecated without asking whether CUDA 13 still has it.
  add_library(CUDA::nvToolsExt INTERFACE IMPORTED)
endif()
if(OROGRAPH_CUDA)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
endif()
find_package(Torch REQUIRED)

# Torch's flags as an interface target, its headers as system headers.
add_library(orograph_torch INTERFACE)
if(OROGRAPH_FUZZ)
  # A tenth of the memory: the CUDA libraries stay out.
  find_library(TORCH_CPU_LIBRARY torch_cpu PATHS ${TORCH_INSTALL_PREFIX}/lib REQUIRED)
  find_library(C10_LIBRARY c10 PATHS ${TORCH_INSTALL_PREFIX}/lib REQUIRED)
  target_link_libraries(orograph_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY})
else()
  target_link_libraries(orograph_torch INTERFACE ${TORCH_LIBRARIES})
endif()
target_include_directories(orograph_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})

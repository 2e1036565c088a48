# Before project(): where LibTorch and the CUDA compiler are.
#
# scripts/setup.sh puts LibTorch into .venv, and, where the machine has no CUDA toolkit, nvcc too. What the user passes
# (CMAKE_PREFIX_PATH, CMAKE_CUDA_COMPILER, OROGRAPH_CUDA) wins.

file(GLOB _venv_packages ${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages)
if(_venv_packages AND NOT DEFINED Torch_DIR AND NOT CMAKE_PREFIX_PATH)
  list(GET _venv_packages 0 _venv_packages)
  get_filename_component(_venv_packages ${_venv_packages} REALPATH)
  set(CMAKE_PREFIX_PATH ${_venv_packages}/torch)
endif()

find_program(_system_nvcc nvcc HINTS ENV CUDACXX ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin)
if(_system_nvcc AND NOT DEFINED CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${_system_nvcc})
elseif(NOT DEFINED CMAKE_CUDA_COMPILER AND EXISTS "${_venv_packages}/nvidia/cu13/bin/nvcc")
  set(CMAKE_CUDA_COMPILER ${_venv_packages}/nvidia/cu13/bin/nvcc)
  set(CUDAToolkit_ROOT ${_venv_packages}/nvidia/cu13)
  set(CUDA_TOOLKIT_ROOT_DIR ${_venv_packages}/nvidia/cu13)
endif()

set(OROGRAPH_CUDA_DEFAULT OFF)
if(CMAKE_CUDA_COMPILER)
  set(OROGRAPH_CUDA_DEFAULT ON)
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80 90)
endif()

"""Takes away from a parser process what a parser does not need, without privileges and without containers.

Resource limits bound memory, processor time and files; a seccomp filter (Linux) refuses sockets, new
programs, new processes and looking into other processes. Where the kernel has no seccomp the limits alone
remain.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

_MAX_FILES = 32
_MAX_DESCRIPTORS = 4096
_MAX_FILE_BYTES = 64 * 1024 * 1024

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1  # answer EPERM
_LOAD, _JUMP_EQUAL, _JUMP_NOT_BELOW, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4

# System calls by architecture: audit value, then numbers of socket connect bind listen accept accept4
# sendto sendmsg recvfrom execve execveat ptrace process_vm_readv process_vm_writev kill tkill bpf (fork
# vfork) clone.
_CALLS: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        (41, 42, 49, 50, 43, 288, 44, 46, 45, 59, 322, 101, 310, 311, 62, 200, 321, 57, 58, 56),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 200, 201, 202, 242, 206, 211, 207, 221, 281, 117, 270, 271, 129, 130, 280, 220),
    ),
}
# clone3, io_uring_setup, io_uring_enter, io_uring_register, pidfd_open, pidfd_getfd: the same everywhere.
_COMMON_CALLS = (435, 425, 426, 427, 434, 438)
_FOREIGN_TABLE = 0x40000000  # numbers from here on are x86_64's second table (x32)


def limit_resources(memory_bytes: int, cpu_s: int) -> None:
    """Bounds address space, processor time, files and file size of the calling process."""
    limits = [
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
        (resource.RLIMIT_FSIZE, _MAX_FILE_BYTES, _MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_FILES, _MAX_FILES),
    ]
    if sys.platform == "linux":
        limits.append((resource.RLIMIT_AS, memory_bytes, memory_bytes))
    for kind, soft, hard in limits:
        ceiling = resource.getrlimit(kind)[1]
        bounded = ceiling != resource.RLIM_INFINITY
        resource.setrlimit(kind, (min(soft, ceiling), min(hard, ceiling)) if bounded else (soft, hard))


def refuse_system_calls() -> bool:
    """Installs the filter on the calling process, for good.

    Returns:
        Whether the kernel took it.
    """
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return False
    architecture, numbers = _CALLS[platform.machine()]
    program = _program(architecture, numbers + _COMMON_CALLS)
    code = ctypes.create_string_buffer(program, len(program))
    count = len(program) // 8
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    descriptor = struct.pack("@HxxxxxxQ", count, ctypes.addressof(code))
    holder = ctypes.create_string_buffer(descriptor, len(descriptor))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(holder), 0, 0) == 0)


def close_other_files(keep: set[int]) -> None:
    """Closes every inherited descriptor not in `keep`, other documents' channels among them."""
    previous = 2
    for descriptor in sorted(keep):
        if descriptor > previous + 1:
            os.closerange(previous + 1, descriptor)
        previous = max(previous, descriptor)
    os.closerange(previous + 1, _MAX_DESCRIPTORS)


def _program(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """A classic BPF program: refuse the listed calls and any foreign architecture, allow the rest."""

    def instruction(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, jump_true, jump_false, value)

    size = len(numbers)
    lines = [
        instruction(_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        instruction(_JUMP_EQUAL, 0, size + 3, architecture),
        instruction(_LOAD, 0, 0, _NUMBER_OFFSET),
        instruction(_JUMP_NOT_BELOW, size + 1, 0, _FOREIGN_TABLE),
    ]
    lines += [instruction(_JUMP_EQUAL, size - index, 0, number) for index, number in enumerate(numbers)]
    lines += [instruction(_RETURN, 0, 0, _ALLOW), instruction(_RETURN, 0, 0, _REFUSE)]
    return b"".join(lines)

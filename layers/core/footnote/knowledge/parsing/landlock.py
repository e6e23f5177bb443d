"""Takes the file system away from a parser process, but for its program and its own folder (Linux 5.13+).

Without it a parser that was taken over could read what its user can, the environment of its parent among it.
Kernel interface: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ = 0b1101  # execute, read a file, read a folder
_READ_FILE = 0b0101
_WRITE = 0b0001_0011_1011_0010  # write, make and remove files and folders, make links
_ALL_OF_VERSION_1 = (1 << 13) - 1
_REFER, _TRUNCATE, _DEVICES = 1 << 13, 1 << 14, 1 << 15
_TCP = 0b11  # bind and connect
_SCOPES = 0b11  # abstract sockets and signals to processes outside
_PROGRAM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/opt", "/var/lang", "/var/runtime")
_PR_SET_NO_NEW_PRIVS = 38


def restrict_files(folder: str) -> bool:
    """Leaves the calling process its program to read and `folder` to write, for good.

    Returns:
        Whether the kernel took it.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    handled = _handled(version)
    rules = _ruleset(libc, version, handled)
    if rules < 0:
        return False
    try:
        for path in _readable():
            _allow(libc, rules, path, _READ & handled)
        _allow(libc, rules, folder, (_READ | _WRITE | _TRUNCATE) & handled)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _handled(version: int) -> int:
    """Kinds of access that this kernel can refuse."""
    since = ((2, _REFER), (3, _TRUNCATE), (5, _DEVICES))
    return _ALL_OF_VERSION_1 | sum(bit for first, bit in since if version >= first)


def _ruleset(libc: ctypes.CDLL, version: int, handled: int) -> int:
    fields = [handled]
    if version >= 4:
        fields.append(_TCP)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    return int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))


def _readable() -> Iterable[str]:
    """Where modules and shared libraries come from."""
    roots = (sys.prefix, sys.base_prefix, *sys.path, *_PROGRAM)
    return dict.fromkeys(root for root in roots if root and Path(root).exists())


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = access if Path(path).is_dir() else access & _READ_FILE
        rule = struct.pack("=Qi", allowed, descriptor)
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)

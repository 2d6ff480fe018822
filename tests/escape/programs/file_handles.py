# tries: to open the host's root by a guessed file handle
# must: handles can be neither had nor opened
# as: user, root
import ctypes
import os
import struct

from attempt import contained, refused

fd = os.open("/etc/hosts", os.O_RDONLY)
for node in (2, 128, 64, 256):
    handle = ctypes.create_string_buffer(struct.pack("<IiQQ", 8, 1, node, 0))
    refused("open_by_handle_at", fd, ctypes.addressof(handle), 0)
refused("name_to_handle_at", -100, b"/", ctypes.addressof(handle), ctypes.addressof(handle), 0)
contained()

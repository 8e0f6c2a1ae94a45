#!/usr/bin/python3
"""terminal.py COLUMNS COMMAND...: runs a command on a terminal of that width and prints what it shows there."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios


def main():
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0))
    with subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave) as process:
        os.close(slave)
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # The command is gone.
                data = b""
            if not data:
                break
            sys.stdout.buffer.write(data)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())

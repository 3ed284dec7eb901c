package store

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp has the kernel end a connection on which the other side has not
// acknowledged anything for a while. Without it a server that was cut off in the
// middle of an answer is waited for about a quarter of an hour.
func giveUp(network, _ string, c syscall.RawConn) (err error) {
	if network == "unix" {
		return nil
	}
	limit := int((3 * silence).Milliseconds())
	if failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, limit) }); failed != nil {
		return failed
	}
	return err
}

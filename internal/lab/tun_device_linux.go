package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// InNamespace runs f on a thread of its own in a new network namespace, where
// nothing but loopback is up. The sockets and devices that f opens stay in
// there, whoever uses them afterwards; goroutines that f starts do not, so that
// f must not leave it to them to open any. It needs root.
func InNamespace(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, and with it
		// the namespace, once its last socket is closed.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		if err := RaiseLoopback(); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// RaiseLoopback brings up loopback, which is down in a new namespace. A process
// that was started in one calls it before anything else.
func RaiseLoopback() error {
	if err := raise("lo"); err != nil {
		return fmt.Errorf("raise loopback: %w", err)
	}
	return nil
}

// AllowPing lets every group of the namespace that calls it open datagram ICMP
// sockets, or none.
func AllowPing(allowed bool) error {
	groups := "1 0"
	if allowed {
		groups = "0 2147483647"
	}
	return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(groups), 0o600)
}

// openTUNDevice makes a device that gives and takes bare IP packets.
func openTUNDevice() (fd int, name string, err error) {
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("%w: open /dev/net/tun: %w", ErrNoTUN, err)
	}
	request, err := unix.NewIfreq("lab%d")
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return -1, "", fmt.Errorf("%w: make the device: %w", ErrNoTUN, err)
	}
	return fd, request.Name(), nil
}

// configureDevice raises a device and gives it the first host address of each
// prefix; the kernel adds the routes.
func configureDevice(name string, prefixes []netip.Prefix) error {
	if err := withSocket(unix.AF_INET, func(fd int) error { return setQueue(fd, name, tunQueue) }); err != nil {
		return fmt.Errorf("size the queue: %w", err)
	}
	if err := raise(name); err != nil {
		return err
	}
	for i, prefix := range prefixes {
		add := addAddress6
		label := name
		if prefix.Addr().Is4() {
			add = addAddress4
			label = fmt.Sprintf("%s:%d", name, i)
		}
		if err := add(label, prefix.Masked()); err != nil {
			return fmt.Errorf("add %v: %w", prefix, err)
		}
	}
	return nil
}

func addAddress4(label string, prefix netip.Prefix) error {
	return withSocket(unix.AF_INET, func(fd int) error {
		address := prefix.Addr().Next().As4()
		mask := [4]byte{}
		for i := range prefix.Bits() {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		return errors.Join(
			setInet4(fd, label, unix.SIOCSIFADDR, address),
			setInet4(fd, label, unix.SIOCSIFNETMASK, mask))
	})
}

func setInet4(fd int, label string, what uint, value [4]byte) error {
	request, err := unix.NewIfreq(label)
	if err != nil {
		return err
	}
	if err := request.SetInet4Addr(value[:]); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, what, request)
}

func addAddress6(name string, prefix netip.Prefix) error {
	return withSocket(unix.AF_INET6, func(fd int) error {
		index, err := indexOf(fd, name)
		if err != nil {
			return err
		}
		request := struct { // struct in6_ifreq of linux/ipv6.h
			address [16]byte
			bits    uint32
			index   int32
		}{prefix.Addr().Next().As16(), uint32(prefix.Bits()), index}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return errno
		}
		return nil
	})
}

func indexOf(fd int, name string) (int32, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	return int32(request.Uint32()), err
}

func setQueue(fd int, name string, length uint32) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint32(length)
	return unix.IoctlIfreq(fd, unix.SIOCSIFTXQLEN, request)
}

func raise(name string) error {
	return withSocket(unix.AF_INET, func(fd int) error {
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	})
}

// withSocket runs f with a socket to talk to the kernel about devices.
func withSocket(family int, f func(fd int) error) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

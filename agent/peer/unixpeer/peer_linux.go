package unixpeer

import "golang.org/x/sys/unix"

// peerUID is the user who made the other end, as the kernel noted it then.
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}

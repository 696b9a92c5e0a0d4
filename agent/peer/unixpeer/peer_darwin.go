package unixpeer

import "golang.org/x/sys/unix"

// peerUID is the user who made the other end, as getpeereid(3) finds it.
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}

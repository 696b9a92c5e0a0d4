package host

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// apply makes the whole process unable to gain privileges, to use more memory
// than a module can need, and to open internet sockets.
func (c confinement) apply() error {
	if err := limitMemory(); err != nil {
		return fmt.Errorf("the limit of memory: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := c.filter(); err != nil {
		return fmt.Errorf("the filter of system calls: %w", err)
	}
	return nil
}

// maxMemory is what a module may add to the process. Modules return absurd
// lengths; what is reserved for them must not be the whole computer's memory.
const maxMemory = 1 << 30

func limitMemory() error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	var size, resident, shared, code, library, data uint64 // proc(5), in pages
	if _, err := fmt.Sscan(string(statm), &size, &resident, &shared, &code, &library, &data); err != nil {
		return err
	}
	limit := data*uint64(unix.Getpagesize()) + maxMemory // #nosec G115 -- a page's size
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit})
}

// auditArch are the processors that the filter is written for: all have a
// socket(2) of its own, and the low half of an argument first.
var auditArch = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64,
	"arm64": unix.AUDIT_ARCH_AARCH64,
}

// The offsets of struct seccomp_data.
const (
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16 // the first one's low half
)

// families are those of sockets that stay on the computer: unix sockets lead to
// pcscd, netlink sockets to the kernel's lists of devices.
var families = []uint32{unix.AF_UNIX, unix.AF_NETLINK}

// filter installs the filter for all threads. It is a dozen instructions, too
// few for a library that would bring three more with it.
func (c confinement) filter() error {
	arch, known := auditArch[runtime.GOARCH]
	if !known {
		if c.allowInternet {
			return nil
		}
		return fmt.Errorf("none is written for %s", runtime.GOARCH)
	}
	program := c.program(arch)
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]} // #nosec G115 -- a dozen
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p))) // #nosec G103 -- the call's own form
	if errno != 0 {
		return errno
	}
	if thread != 0 {
		return fmt.Errorf("thread %d has another one", thread)
	}
	return nil
}

// program is the filter. Every jump skips one instruction.
func (c confinement) program(arch uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(what uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
	}
	refuse := func(errno unix.Errno) unix.SockFilter {
		return answer(unix.SECCOMP_RET_ERRNO | uint32(errno)) // #nosec G115 -- a small number
	}
	// These skip the next instruction.
	skipIf := func(test uint16, k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, K: k, Jt: 1}
	}
	skipUnless := func(test uint16, k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, K: k, Jf: 1}
	}
	// Other calling conventions of the processor have other numbers.
	program := []unix.SockFilter{load(offsetArch), skipIf(unix.BPF_JEQ, arch), refuse(unix.ENOSYS)}
	const x32 = 0x40000000
	program = append(program, load(offsetNumber), skipUnless(unix.BPF_JGE, x32), refuse(unix.ENOSYS))
	if c.allowInternet {
		return append(program, answer(unix.SECCOMP_RET_ALLOW))
	}
	// A ring opens sockets without a system call for each.
	program = append(program, skipUnless(unix.BPF_JEQ, unix.SYS_IO_URING_SETUP), refuse(unix.ENOSYS))
	program = append(program, skipIf(unix.BPF_JEQ, unix.SYS_SOCKET), answer(unix.SECCOMP_RET_ALLOW))
	program = append(program, load(offsetArgument))
	for _, family := range families {
		program = append(program, skipUnless(unix.BPF_JEQ, family), answer(unix.SECCOMP_RET_ALLOW))
	}
	return append(program, refuse(unix.EACCES))
}

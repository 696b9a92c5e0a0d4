package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// procThreadAttributeJobList is PROC_THREAD_ATTRIBUTE_JOB_LIST of winbase.h: the
// process is in the job before it does anything.
const procThreadAttributeJobList = 0x0002000d

// stopped is the exit code of what stop ended.
const stopped = 1

// start starts a program as who is signed in to a session, on their desktop and
// with their environment, in a job of its own.
func (s sessions) start(at place, user string, ended func(code uint32)) (process, error) {
	token, err := tokenOf(at.session)
	if err != nil {
		return nil, err
	}
	defer token.Close()
	if now, err := sidOf(token); err != nil || now != user {
		return nil, errors.Join(err, fmt.Errorf("session %d is no longer of %s", at.session, user))
	}
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	in, err := newInput()
	if err != nil {
		return nil, errors.Join(err, windows.CloseHandle(job))
	}
	info, err := s.create(token, job, in, at.program)
	_ = windows.CloseHandle(in.theirs)
	if err != nil {
		return nil, errors.Join(err, windows.CloseHandle(in.ours), windows.CloseHandle(job))
	}
	_ = windows.CloseHandle(info.Thread)
	go func() {
		// One thread for each program. That it is simple is worth a few kilobytes.
		_, _ = windows.WaitForSingleObject(info.Process, windows.INFINITE)
		code := uint32(stopped)
		_ = windows.GetExitCodeProcess(info.Process, &code)
		_ = windows.CloseHandle(info.Process)
		ended(code)
	}()
	return &inJob{job: job, input: in.ours, asks: at.program == agent}, nil
}

// newJob makes a job that ends with the last handle to it, and this process has
// the only one. What the programs start themselves is left out of it: a browser
// with a page of help outlives the tray, and the agent has jobs of its own.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("CreateJobObject: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))) // #nosec G103 -- the call's own form
	if err != nil {
		return 0, errors.Join(fmt.Errorf("SetInformationJobObject: %w", err), windows.CloseHandle(job))
	}
	return job, nil
}

// create starts a program in its job, with standard input and nothing else of
// this process.
func (s sessions) create(token windows.Token, job windows.Handle, in input, p program) (windows.ProcessInformation, error) {
	var info windows.ProcessInformation
	path := filepath.Join(s.folder, string(p)+".exe")
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return info, err
	}
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(append([]string{path}, s.arguments(p)...)))
	if err != nil {
		return info, err
	}
	folder, err := windows.UTF16PtrFromString(s.folder)
	if err != nil {
		return info, err
	}
	desktop, err := windows.UTF16PtrFromString(`winsta0\default`)
	if err != nil {
		return info, err
	}
	var environment *uint16
	if err := windows.CreateEnvironmentBlock(&environment, token, false); err != nil {
		return info, fmt.Errorf("CreateEnvironmentBlock: %w", err)
	}
	defer windows.DestroyEnvironmentBlock(environment) //nolint:errcheck // nothing is lost with it
	attributes, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return info, err
	}
	defer attributes.Delete()
	if err := attributes.Update(procThreadAttributeJobList, unsafe.Pointer(&job), unsafe.Sizeof(job)); err != nil { // #nosec G103 -- the call's own form
		return info, fmt.Errorf("UpdateProcThreadAttribute: %w", err)
	}
	if err := attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&in.theirs), unsafe.Sizeof(in.theirs)); err != nil { // #nosec G103 -- the call's own form
		return info, fmt.Errorf("UpdateProcThreadAttribute: %w", err)
	}
	startup := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	startup.Cb, startup.Desktop = uint32(unsafe.Sizeof(startup)), desktop
	startup.Flags, startup.StdInput = windows.STARTF_USESTDHANDLES, in.theirs
	err = windows.CreateProcessAsUser(token, name, line, nil, nil, true,
		windows.CREATE_UNICODE_ENVIRONMENT|windows.CREATE_NO_WINDOW|windows.EXTENDED_STARTUPINFO_PRESENT,
		environment, folder, &startup.StartupInfo, &info)
	if err != nil {
		return info, fmt.Errorf("CreateProcessAsUser of %s: %w", path, err)
	}
	return info, nil
}

// input is the standard input of a program: a pipe that nothing is written to.
// When this end is closed, an agent ends, once its card is done.
type input struct{ theirs, ours windows.Handle }

func newInput() (in input, err error) {
	security := windows.SecurityAttributes{InheritHandle: 1}
	security.Length = uint32(unsafe.Sizeof(security))
	if err := windows.CreatePipe(&in.theirs, &in.ours, &security, 0); err != nil {
		return input{}, fmt.Errorf("CreatePipe: %w", err)
	}
	if err := windows.SetHandleInformation(in.ours, windows.HANDLE_FLAG_INHERIT, 0); err != nil {
		return input{}, errors.Join(fmt.Errorf("SetHandleInformation: %w", err), windows.CloseHandle(in.theirs), windows.CloseHandle(in.ours))
	}
	return in, nil
}

// inJob is a program in its job.
type inJob struct {
	job  windows.Handle
	asks bool // it ends by itself when it is asked to

	mu    sync.Mutex // guards what follows
	input windows.Handle
	late  *time.Timer // after it was asked
	over  bool
}

// finishing is how long a program that was asked may take to end. An agent takes
// ten seconds at most for a card that was given a PIN.
const finishing = 12 * time.Second

func (p *inJob) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asks {
		return windows.TerminateJobObject(p.job, stopped)
	}
	if p.late != nil {
		return nil
	}
	p.late = time.AfterFunc(finishing, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.over {
			_ = windows.TerminateJobObject(p.job, stopped)
		}
	})
	err := windows.CloseHandle(p.input)
	p.input = 0
	return err
}

func (p *inJob) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.late != nil {
		p.late.Stop()
	}
	if p.input != 0 {
		_ = windows.CloseHandle(p.input)
	}
	_ = windows.CloseHandle(p.job)
}

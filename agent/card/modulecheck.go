package card

import (
	"context"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/trust"
)

// ModuleCheck is what doctor's check of PKCS#11 modules works with.
type ModuleCheck struct {
	List *cards.List
	// Load has a module loaded, in a process of its own. Nil: it is not tried.
	Load func(ctx context.Context, m cards.Module, file string) error
}

// Probe looks at each module of the list that is installed.
func (c ModuleCheck) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "card software", Func: c.look}
}

func (c ModuleCheck) look(ctx context.Context) []doctor.Finding {
	var findings []doctor.Finding
	for _, m := range c.List.Modules() {
		file, err := m.File()
		if errors.Is(err, cards.ErrMissing) {
			continue // a card that needs it says so
		}
		if refused, ok := errors.AsType[*trust.Error](err); ok {
			findings = append(findings, doctor.Finding{Code: doctor.ModuleUntrusted, Seen: fmt.Sprintf("%s: %v.", m.Name, refused)})
			continue
		}
		if err != nil {
			findings = append(findings, doctor.Finding{Code: doctor.CheckFailed, Seen: sentence(err.Error())})
			continue
		}
		findings = append(findings, c.inspect(ctx, m, file))
	}
	return findings
}

// inspect looks at a module's file, which is the administrators' alone.
func (c ModuleCheck) inspect(ctx context.Context, m cards.Module, file string) doctor.Finding {
	what := fmt.Sprintf("%s at %s", m.Name, file)
	system, architectures, err := libraryFor(file)
	switch {
	case err != nil:
		return doctor.Finding{Code: doctor.ModuleBroken, Seen: fmt.Sprintf("%s is no library: %v.", what, err)}
	case system != runtime.GOOS || !slices.Contains(architectures, runtime.GOARCH):
		return doctor.Finding{Code: doctor.ModuleArchitecture,
			Seen: fmt.Sprintf("%s is for %s %v, and Cardea for %s %s.", what, system, architectures, runtime.GOOS, runtime.GOARCH)}
	}
	seen := fmt.Sprintf("%s belongs to the administrators and is for %s %s.", what, system, runtime.GOARCH)
	if c.Load == nil {
		return doctor.Finding{Code: doctor.ModuleSound, Seen: seen}
	}
	if err := c.Load(ctx, m, file); err != nil {
		return doctor.Finding{Code: doctor.ModuleBroken, Seen: fmt.Sprintf("%s cannot be loaded: %v.", what, err)}
	}
	return doctor.Finding{Code: doctor.ModuleSound, Seen: seen + " It was loaded and started."}
}

var errNoLibrary = errors.New("its format is not known")

// libraryFor tells for which system and architectures, in Go's words, a library
// is. The file's head is read, and none of its code is run.
func libraryFor(path string) (system string, architectures []string, err error) {
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if f.Type != elf.ET_DYN {
			return "", nil, errNoLibrary
		}
		return "linux", []string{elfArchitectures[f.Machine]}, nil
	}
	if f, err := pe.Open(path); err == nil {
		defer f.Close()
		return "windows", []string{peArchitectures[f.Machine]}, nil
	}
	if f, err := macho.OpenFat(path); err == nil {
		defer f.Close()
		for _, a := range f.Arches {
			architectures = append(architectures, machoArchitectures[a.Cpu])
		}
		return "darwin", architectures, nil
	}
	if f, err := macho.Open(path); err == nil {
		defer f.Close()
		return "darwin", []string{machoArchitectures[f.Cpu]}, nil
	}
	return "", nil, errNoLibrary
}

var (
	elfArchitectures   = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64"}
	peArchitectures    = map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64", pe.IMAGE_FILE_MACHINE_I386: "386"}
	machoArchitectures = map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64", macho.Cpu386: "386"}
)

package installed

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
)

// BuiltFor says for which platform an executable was built, as far as its
// header tells: "darwin_arm64", or where it does not name the system "_amd64"; "" where it
// is no binary that this knows, such as a script.
func BuiltFor(path string) string {
	if f, err := elf.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		arch := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x"}[f.Machine]
		if arch == "" {
			return ""
		}
		return "_" + arch // an ELF file seldom says which system's it is
	}
	if f, err := macho.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		if arch := map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[f.Cpu]; arch != "" {
			return "darwin_" + arch
		}
		return ""
	}
	if f, err := pe.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		if arch := map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64", pe.IMAGE_FILE_MACHINE_I386: "386"}[f.Machine]; arch != "" {
			return "windows_" + arch
		}
	}
	return ""
}

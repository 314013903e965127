package main

import (
	"errors"
	"runtime/debug"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbomCmd prints what this program is made of, as the Go toolchain recorded it when it was built.
type sbomCmd struct{}

// Run prints a software bill of materials, CycloneDX 1.6 in JSON. It holds neither a time nor a serial number, so the same
// program prints the same bytes.
func (sbomCmd) Run(s streams) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("sbom: this program was built without its build information")
	}
	bom := billOf(info)
	return cdx.NewBOMEncoder(s.out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
}

func billOf(info *debug.BuildInfo) *cdx.BOM {
	program := component(&info.Main)
	program.Type = cdx.ComponentTypeApplication
	properties := []cdx.Property{{Name: "go:version", Value: info.GoVersion}}
	for _, s := range info.Settings {
		properties = append(properties, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	program.Properties = &properties
	libraries := make([]cdx.Component, 0, len(info.Deps))
	needs := make([]string, 0, len(info.Deps))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component(m)
		libraries = append(libraries, c)
		needs = append(needs, c.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &program}
	bom.Components = &libraries
	bom.Dependencies = &[]cdx.Dependency{{Ref: program.BOMRef, Dependencies: &needs}}
	return bom
}

// component describes a module; go.sum's digest of its files is kept in its own form, which is no plain hash of an archive.
func component(m *debug.Module) cdx.Component {
	url := "pkg:golang/" + m.Path + "@" + m.Version
	c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url}
	if m.Sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
	}
	return c
}

//go:build !windows

package main

import "fmt"

// profileFolders are of Windows alone: packages of other systems leave people's
// folders to them.
var profileFolders []string

func profiles() ([]string, error) { return nil, fmt.Errorf("%w: this is for Windows", errUsage) }

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-gl/glfw/v3.4/glfw"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/ui/credui"
)

// undrawable says why no window can be drawn in this session, if none can: over
// RDP and on bare virtual machines there may be no OpenGL. Fyne would end the
// program where it finds out.
func undrawable() error {
	if err := glfw.Init(); err != nil {
		return err
	}
	defer glfw.Terminate()
	glfw.WindowHint(glfw.Visible, glfw.False)
	glfw.WindowHint(glfw.ContextVersionMajor, 2)
	glfw.WindowHint(glfw.ContextVersionMinor, 1)
	w, err := glfw.CreateWindow(1, 1, "Cardea", nil, nil)
	if err != nil {
		return fmt.Errorf("no window can be drawn: %w", err)
	}
	w.Destroy()
	return nil
}

// withoutWindows answers the agent's questions with Windows' own windows, until a
// newer tray takes over. There is no icon then.
func withoutWindows(log *slog.Logger, socket string) error {
	pins, err := credui.New()
	if err != nil {
		return err
	}
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: socket, Version: version, Prompter: pins, Log: log, OnReport: func(prompt.Report) {},
	})
	if err != nil {
		return err
	}
	return client.Run(context.Background())
}

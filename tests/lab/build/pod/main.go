// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command labpod is the only file of the image lab.test/pod. Without
// arguments it holds a pod's namespaces open (what Kubernetes calls the pause
// container); its other words let tests look into a pod without a shell.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

const usage = "usage: labpod [serve PORT | write FILE TEXT | read FILE | print TEXT]"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "labpod:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	switch {
	case len(words) == 0:
		pause()
		return nil
	case words[0] == "serve" && len(words) == 2:
		return serve(words[1])
	case words[0] == "write" && len(words) == 3:
		return os.WriteFile(words[1], []byte(words[2]), 0o644)
	case words[0] == "read" && len(words) == 2:
		file, err := os.Open(words[1])
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, file)
		return err
	case words[0] == "print" && len(words) == 2:
		fmt.Println(words[1])
		return nil
	}
	return fmt.Errorf("%s", usage)
}

// pause reaps orphans (a pod may share one process namespace) until it is told to end.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}

// serve answers every request with the pod's host name; net/http would triple the size for nothing.
func serve(port string) error {
	go func() {
		pause()
		os.Exit(0)
	}()
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	name, _ := os.Hostname()
	fmt.Println("serving on", port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_, _ = connection.Read(make([]byte, 4096))
			body := "hello from " + name + "\n"
			fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
			fmt.Println("request from", connection.RemoteAddr())
		}()
	}
}

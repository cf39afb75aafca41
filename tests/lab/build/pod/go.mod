// The lab's helper for pods (see main.go). Standard library only.
module labpod

go 1.24.0

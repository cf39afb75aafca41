// SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// The lab's helper for pods (see main.go). Standard library only.
module labpod

go 1.24.0

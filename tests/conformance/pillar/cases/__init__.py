# SPDX-License-Identifier: Apache-2.0
"""The cases, one file for each operation."""

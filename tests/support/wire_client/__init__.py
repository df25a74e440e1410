# SPDX-License-Identifier: Apache-2.0
"""A client of the bus and of the data channel, written from proto/ and docs/spec/ alone.

What tests in Python stand on. It shares no line with the product, so that the two can disagree.
"""

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The founding document's requirements, each as a test called by its number, on real daemons.

    requirements_test.py BITREPO [unittest argument...]
"""

import sys
import unittest

from requirement_rig import RequirementTest

# pylint: disable=unused-import
from channel_requirements import ChannelRequirements
from kind_requirements import KindRequirements
from message_requirements import MessageRequirements
from rate_requirements import RateRequirements
from transfer_requirements import TransferRequirements

if __name__ == "__main__":
    RequirementTest.bitrepo = sys.argv.pop(1)
    unittest.main(verbosity=2)

# SPDX-License-Identifier: Apache-2.0
"""B9, B14 and B15 of the founding document: a pillar on slow media beside a fast one."""

from requirement_rig import Body, RequirementTest, ops, types

GET_PHASES = [types.ACCEPTED, types.QUEUED, types.LOCATING, types.LOADING, types.SEEKING,
              types.STAGING, types.VERIFYING, types.SENDING]
PUT_PHASES = [types.ACCEPTED, types.RESERVE, types.RECEIVING, types.VERIFYING, types.QUEUED,
              types.LOCATING, types.LOADING, types.SEEKING, types.WRITING, types.READING_BACK,
              types.INDEXING]
FAST, SLOW = "pillar-1", "nearline1"


class KindRequirements(RequirementTest):
    """Each test is called by the number of what it holds."""

    flags = ("--pillars", "1", "--nearline", "1", "--time-scale", "0.02")
    pillars = (FAST, SLOW)

    def check_phases(self, documented, exchange, *wanted):
        """The phases that were told come in the documented order, these among them."""
        told = list(dict.fromkeys(one.body.progress.phase for one in exchange.progress))
        names = list(map(types.Phase.Name, told))
        self.assertEqual([phase for phase in documented if phase in told],
                         [phase for phase in told if phase in documented], names)
        self.assertLessEqual(set(wanted), set(told), names)

    def test_B09_the_slow_pillar_says_so_and_the_fast_one_serves(self):
        self.put("b09", b"nine")
        replies = self.conversation(types.GET_FILE).identify(
            Body(get_file_identify=ops.GetFileIdentify(range=types.FileRange(file_id="b09"))))
        soon = {pillar: reply.content.time_to_deliver for pillar, reply in replies.items()}
        self.assertEqual({FAST, SLOW}, set(soon))
        self.assertGreater(soon[SLOW].first_byte_us, 10 * soon[FAST].first_byte_us)
        self.assertEqual(types.NEARLINE_PILLAR, soon[SLOW].pillar_kind)
        with self.record() as record:
            self.run_bitrepo("get", "b09", "-o", "-")
        self.assertEqual([FAST], [copy.header.to for copy in record.copies
                                  if copy.kind == types.REQUEST])

    def test_B14_a_get_from_slow_media_tells_its_phases_in_order(self):
        data = bytes(range(256)) * 1000
        self.put("b14", data)
        got = self.get(SLOW, "b14")
        self.assertEqual(data, got.transfer)
        self.check_phases(GET_PHASES, got, types.SEEKING, types.STAGING)

    def test_B15_a_put_to_slow_media_tells_its_phases_in_order(self):
        put = self.put("b15", bytes(range(256)) * 1000)[SLOW]
        self.check_phases(PUT_PHASES, put, types.WRITING, types.READING_BACK)

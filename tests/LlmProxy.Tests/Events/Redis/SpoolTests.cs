using System.Diagnostics;
using System.Globalization;
using System.Text;
using LlmProxy.Events.Redis;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

public sealed class SpoolTests : IDisposable
{
    private readonly SpoolFile _file = new();

    public void Dispose() => _file.Dispose();

    [Fact]
    public void Gives_out_what_it_was_given_in_the_same_order_and_as_it_was()
    {
        using var spool = _file.Open();
        var events = Given.Batch(1, 20);

        Assert.Equal(20, spool.Append(events));
        var read = SpoolFile.ReadAll(spool);

        Assert.Equal(events.Select(Text), read.Select(Text), StringComparer.Ordinal);
        Assert.Equal(20, spool.Count);
    }

    [Fact]
    public void Keeps_what_is_not_confirmed_over_a_restart()
    {
        using (var before = _file.Open())
        {
            before.Append(Given.Batch(1, 20));
            var read = SpoolFile.ReadAll(before);
            before.Confirm(read[7].SpoolEnd, 8);
        }

        using var after = _file.Open();

        Assert.Equal(Numbers(9, 12), SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
        Assert.Equal(12, after.Count);
        Assert.Contains(_file.Log.All, static line => line.StartsWith("12 events wait", StringComparison.Ordinal));
    }

    [Fact]
    public void Is_as_short_as_can_be_when_all_is_confirmed()
    {
        using var spool = _file.Open();
        spool.Append(Given.Batch(1, 20));

        spool.Confirm(SpoolFile.ReadAll(spool)[^1].SpoolEnd, 20);

        Assert.True(spool.IsEmpty);
        Assert.Equal(1_024, new FileInfo(_file.Path).Length);
    }

    [Fact]
    public void Wherever_the_last_event_is_torn_those_before_it_are_there()
    {
        long whole;
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(1, 2));
            whole = new FileInfo(_file.Path).Length;
            spool.Append([Given.Outgoing(3)]);
        }

        var bytes = File.ReadAllBytes(_file.Path);
        for (var length = (int)whole; length < bytes.Length; length++)
        {
            File.WriteAllBytes(_file.Path, bytes[..length]);
            using var spool = _file.Open();

            Assert.Equal(whole, new FileInfo(_file.Path).Length);
            spool.Append([Given.Outgoing(4)]);
            Assert.Equal([1, 2, 4], SpoolFile.NumbersOf(SpoolFile.ReadAll(spool)));
        }
    }

    [Fact]
    public void A_tail_of_zeros_as_power_cuts_leave_it_is_cut_off()
    {
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(1, 2));
        }

        using (var file = new FileStream(_file.Path, FileMode.Append))
        {
            file.Write(new byte[10_000]);
        }

        using var after = _file.Open();
        Assert.Equal([1, 2], SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
    }

    [Fact]
    public void Whichever_byte_is_damaged_only_its_event_is_lost_and_that_is_said()
    {
        var events = Given.Batch(1, 3);
        using (var spool = _file.Open())
        {
            spool.Append(events);
        }

        var bytes = File.ReadAllBytes(_file.Path);
        for (var place = (int)events[0].SpoolEnd; place < events[1].SpoolEnd; place++)
        {
            var damaged = bytes.ToArray();
            damaged[place] ^= 0x10;
            File.WriteAllBytes(_file.Path, damaged);
            using var spool = _file.Open();

            Assert.Equal([1, 3], SpoolFile.NumbersOf(SpoolFile.ReadAll(spool)));
        }

        Assert.Contains(_file.Log.All, static line => line.Contains("is damaged at byte", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Damage_up_to_the_end_does_not_keep_it_from_getting_empty()
    {
        using var spool = _file.Open();
        var events = Given.Batch(1, 2);
        spool.Append(events);

        // By another program, since this one has locked the file.
        using var dd = Process.Start("dd",
        [
            "if=/dev/zero", $"of={_file.Path}", "bs=1", "count=200", "conv=notrunc", "status=none",
            string.Create(CultureInfo.InvariantCulture, $"seek={events[0].SpoolEnd}"),
        ]);
        await dd.WaitForExitAsync(TestContext.Current.CancellationToken);

        var read = SpoolFile.ReadAll(spool);
        spool.Confirm(read[^1].SpoolEnd, read.Count);

        Assert.Equal([1], SpoolFile.NumbersOf(read));
        Assert.True(spool.IsEmpty);
    }

    [Fact]
    public void A_damaged_start_loses_no_event()
    {
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(1, 3));
        }

        var bytes = File.ReadAllBytes(_file.Path);
        bytes.AsSpan(0, 1_024).Fill(0x55);
        File.WriteAllBytes(_file.Path, bytes);

        using var after = _file.Open();
        Assert.Equal([1, 2, 3], SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
    }

    [Fact]
    public void Takes_as_many_as_there_is_room_for_and_then_no_more()
    {
        using var spool = _file.Open(bytesMax: 10_000);

        var taken = spool.Append(Given.Batch(1, 100));

        Assert.InRange(taken, 30, 60);
        Assert.Equal(0, spool.Append([Given.Outgoing(200)]));
        Assert.InRange(new FileInfo(_file.Path).Length, 9_500, 10_000);
        Assert.Equal(Numbers(1, taken), SpoolFile.NumbersOf(SpoolFile.ReadAll(spool)));
        Assert.Single(_file.Log.All, static line => line.EndsWith("is full; events are dropped and counted",
            StringComparison.Ordinal));
    }

    [Fact]
    public void Room_of_what_is_gone_is_used_again_while_others_wait()
    {
        using (var spool = _file.Open(bytesMax: 10_000))
        {
            for (var number = 1; number <= 1_000; number += 5)
            {
                Assert.Equal(5, spool.Append(Given.Batch(number, 5)));
                List<OutgoingEvent> read = [];
                spool.Read(read, 5, long.MaxValue);
                Assert.Equal(Numbers(number, 5), SpoolFile.NumbersOf(read));
                spool.Confirm(read[3].SpoolEnd, number == 1 ? 4 : 5);
                Assert.Equal(1, spool.Count);
            }
        }

        using var after = _file.Open(bytesMax: 10_000);
        Assert.Equal([1_000], SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
    }

    [Fact]
    public void What_was_being_cut_off_when_the_process_died_does_not_come_back()
    {
        var events = Given.Batch(1, 4);
        using (var spool = _file.Open())
        {
            spool.Append(events);
        }

        var bytes = File.ReadAllBytes(_file.Path);
        SpoolFormat.WriteSlot(bytes, new SpoolProgress(1_000, SpoolFormat.Start, events[1].SpoolEnd));
        File.WriteAllBytes(_file.Path, bytes);

        using var after = _file.Open();
        Assert.Equal([1, 2], SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
    }

    [Fact]
    public void What_is_out_already_is_not_given_out_and_still_kept()
    {
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(1, 3), areOut: true);
            spool.Append(Given.Batch(4, 2));

            Assert.Equal([4, 5], SpoolFile.NumbersOf(SpoolFile.ReadAll(spool)));
        }

        using var after = _file.Open();
        Assert.Equal([1, 2, 3, 4, 5], SpoolFile.NumbersOf(SpoolFile.ReadAll(after)));
    }

    [Fact]
    public void Is_for_one_alone()
    {
        using var spool = _file.Open();

        var failure = Assert.Throws<StartFailure>(() => _file.Open());

        Assert.StartsWith("EVENT_SPOOL_FILE: ", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/proc/llm-proxy/events.spool")]
    [InlineData("/dev/full")]
    public void Names_the_setting_when_the_file_cannot_be_had(string path)
    {
        var failure = Assert.Throws<StartFailure>(() => Spool.Open(path, 1_000_000, TimeProvider.System, _file.Log));

        Assert.StartsWith("EVENT_SPOOL_FILE: ", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Belongs_to_its_owner_alone()
    {
        File.WriteAllText(_file.Path, string.Empty);
        File.SetUnixFileMode(_file.Path, (UnixFileMode)0b110_110_110);
        using var spool = _file.Open();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_file.Path));
    }

    [Fact]
    public void An_event_longer_than_any_buffer_survives()
    {
        using var spool = _file.Open(bytesMax: 64 * 1_024 * 1_024);
        spool.Append([Given.Outgoing(1), Given.Outgoing(2, 9_000_000), Given.Outgoing(3)]);

        var read = SpoolFile.ReadAll(spool);

        Assert.Equal([1, 2, 3], SpoolFile.NumbersOf(read));
        Assert.Equal(Given.Event(2, 9_000_000).Json.ToArray(), read[1].Record.Json.ToArray());
    }

    [Fact]
    public void The_checksum_is_that_of_the_RFC() => Assert.Equal(0xE3069283, Crc32C.Of("123456789"u8));

    private static string Text(OutgoingEvent outgoing) =>
        $"{outgoing.Sender} {outgoing.Number} {outgoing.Record.Id} "
        + Encoding.UTF8.GetString(outgoing.Record.Json.Span);

    private static List<long> Numbers(long from, long count) =>
        [.. Enumerable.Range((int)from, (int)count).Select(static number => (long)number)];
}

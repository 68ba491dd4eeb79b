using CsCheck;
using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>A body that is written once and read by several, each at its own pace.</summary>
public sealed class TapeTests
{
    private const int KeptMax = 1_000;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public Task Every_reader_gets_every_byte_in_order_whenever_it_begins_and_however_slow_it_is() =>
        Gen.Select(Gen.Byte.Array[0, 200].List[0, 12], Gen.Int[0, 12].List[1, 5]).SampleAsync(async (pieces, starts) =>
        {
            var tape = new Tape(100_000, length: null, new TapeBudget(1_000_000));
            var reading = new List<Task<byte[]>>();
            for (var i = 0; i <= pieces.Count; i++)
            {
                reading.AddRange(starts.Where(start => Math.Min(start, pieces.Count) == i)
                    .Select(_ => ReadAllAsync(tape.TryOpen()!)));
                if (i < pieces.Count)
                {
                    tape.Append(pieces[i]);
                }
            }

            tape.Complete();
            var whole = pieces.SelectMany(static piece => piece).ToArray();
            foreach (var read in await Task.WhenAll(reading))
            {
                Assert.Equal(whole, read);
            }

            Assert.Equal(whole, tape.Whole()!.Value.ToArray());
        }, iter: 300);

    [Fact]
    public void A_body_of_known_length_is_kept_in_one_array_of_that_length()
    {
        var tape = new Tape(KeptMax, length: 6, new TapeBudget(KeptMax));
        tape.Append([1, 2, 3]);
        tape.Append([4, 5, 6]);
        tape.Complete();

        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(tape.Whole()!.Value, out var array));
        Assert.Equal(6, array.Array!.Length);
    }

    [Fact]
    public void A_body_that_is_too_long_is_not_kept_and_nobody_can_begin_any_more()
    {
        var tape = new Tape(KeptMax, length: null, new TapeBudget(1_000_000));
        tape.Append(new byte[KeptMax]);
        Assert.True(tape.IsKept);

        tape.Append([1]);
        tape.Complete();

        Assert.False(tape.IsKept);
        Assert.Null(tape.TryOpen());
        Assert.Null(tape.Whole());
    }

    [Fact]
    public async Task Who_has_begun_reads_a_body_to_its_end_that_became_too_long()
    {
        var tape = new Tape(KeptMax, length: null, new TapeBudget(1_000_000));
        using var early = tape.TryOpen()!;
        tape.Append(new byte[KeptMax / 2]);
        var halfway = ReadAllAsync(tape.TryOpen()!);
        tape.Append(new byte[KeptMax]);
        tape.Append([1, 2, 3]);
        tape.Complete();

        Assert.Equal((KeptMax * 3 / 2) + 3, (await ReadAllAsync(early)).Length);
        Assert.Equal((KeptMax * 3 / 2) + 3, (await halfway).Length);
    }

    [Fact]
    public async Task A_window_waits_for_its_slowest_reader_and_for_nobody_when_it_has_left()
    {
        var tape = new Tape(KeptMax, length: null, new TapeBudget(1_000_000));
        var slow = tape.TryOpen()!;
        using var quick = tape.TryOpen()!;
        tape.Append(new byte[300 * 1024]);
        while (quick.TryRead(out _))
        {
        }

        var room = tape.WaitForRoomAsync(Cancelled).AsTask();
        Assert.False(room.IsCompleted);

        slow.Dispose();
        await room.WaitAsync(Cancelled);
    }

    [Fact]
    public async Task A_body_that_broke_off_is_read_as_far_as_it_came_and_never_kept()
    {
        var tape = new Tape(KeptMax, length: null, new TapeBudget(KeptMax));
        using var reader = tape.TryOpen()!;
        tape.Append([1, 2]);
        tape.Break();

        Assert.True(reader.TryRead(out var bytes));
        Assert.Equal([1, 2], bytes.ToArray());
        await Assert.ThrowsAsync<IOException>(() => reader.WaitAsync(Cancelled).AsTask());
        Assert.Null(tape.Whole());
    }

    [Fact]
    public void All_bodies_together_keep_no_more_than_the_budget()
    {
        var budget = new TapeBudget(1_500);
        var first = new Tape(KeptMax, length: null, budget);
        var second = new Tape(KeptMax, length: null, budget);
        first.Append(new byte[1_000]);
        second.Append(new byte[1_000]);
        Assert.True(first.IsKept);
        Assert.False(second.IsKept);

        first.Release();
        var third = new Tape(KeptMax, length: null, budget);
        third.Append(new byte[1_000]);
        Assert.True(third.IsKept);
    }

    private static async Task<byte[]> ReadAllAsync(TapeReader reader)
    {
        using (reader)
        {
            var all = new List<byte>();
            do
            {
                while (reader.TryRead(out var bytes))
                {
                    all.AddRange(bytes.ToArray());
                }
            }
            while (await reader.WaitAsync(Cancelled));

            return [.. all];
        }
    }
}

using LlmProxy.Http;
using Xunit;

namespace LlmProxy.Tests.Http;

public sealed class TimeOrderedIdTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 30, 12, 0, 0, 123, TimeSpan.Zero);

    [Fact]
    public void Is_a_version_7_uuid_of_its_millisecond()
    {
        var id = TimeOrderedId.New(Now);

        Assert.Equal(7, id.Version);
        Assert.InRange(id.Variant, 8, 11);
        Assert.Equal(Now.ToUnixTimeMilliseconds(), Convert.ToInt64(id.ToString("N")[..12], 16));
    }

    [Fact]
    public void No_two_are_equal_whichever_threads_make_them()
    {
        var ids = ParallelEnumerable.Range(0, 200_000).Select(static _ => TimeOrderedId.New(Now)).ToHashSet();

        Assert.Equal(200_000, ids.Count);
    }

    [Fact]
    public void Every_bit_but_those_of_time_and_version_is_random()
    {
        var (always, never) = (new byte[16], new byte[16]);
        Array.Fill(always, (byte)0xFF);
        foreach (var id in Enumerable.Range(0, 10_000).Select(static _ => TimeOrderedId.New(Now)))
        {
            var bytes = id.ToByteArray(bigEndian: true);
            for (var i = 0; i < bytes.Length; i++)
            {
                always[i] &= bytes[i];
                never[i] |= bytes[i];
            }
        }

        Assert.Equal("70008000000000000000", Convert.ToHexStringLower(always[6..]));
        Assert.Equal("7fffbfffffffffffffff", Convert.ToHexStringLower(never[6..]));
    }
}

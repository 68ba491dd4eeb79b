using System.Net;
using CsCheck;
using LlmProxy.Limits;
using LlmProxy.Settings;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class AddressLimitTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Everything_passes_when_nothing_is_limited()
    {
        var limit = new AddressLimit(LimitsOptions.None, _clock);

        Assert.Equal(1_000, Passed(limit, "192.0.2.1", 1_000));
        Assert.Equal(0, limit.Known);
    }

    [Fact]
    public void Each_address_has_a_window_of_its_own()
    {
        var limit = PerAddress(3);

        Assert.Equal(3, Passed(limit, "192.0.2.1", 10));
        Assert.Equal(3, Passed(limit, "192.0.2.2", 10));
        Assert.Equal(3, Passed(limit, null, 10));
    }

    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::1", "::ffff:0.0.0.1", false)]
    public void One_network_of_ipv6_and_one_address_of_ipv4_count_as_one(string one, string other, bool areSame)
    {
        var limit = PerAddress(2);
        Passed(limit, one, 2);

        Assert.Equal(areSame ? 0 : 1, Passed(limit, other, 1));
    }

    [Fact]
    public void Says_which_window_is_exhausted_and_for_how_long()
    {
        var limit = new AddressLimit(new LimitsOptions(1, 2), _clock);
        Passed(limit, "192.0.2.1", 1);

        var ofAddress = limit.Take(IPAddress.Parse("192.0.2.1"));
        Passed(limit, "192.0.2.2", 1);
        var ofAll = limit.Take(IPAddress.Parse("192.0.2.3"));

        Assert.False(ofAddress.IsTaken);
        Assert.Same(ofAddress.OfAddress, ofAddress.Exhausted);
        Assert.Equal(TimeSpan.FromSeconds(60), ofAddress.Wait);
        Assert.False(ofAll.IsTaken);
        Assert.Same(ofAll.OfAll, ofAll.Exhausted);
        Assert.Equal(TimeSpan.FromSeconds(30), ofAll.Wait);
    }

    [Fact]
    public void What_an_address_may_not_send_is_not_taken_from_all_nor_the_other_way_round()
    {
        var limit = new AddressLimit(new LimitsOptions(2, 3), _clock);

        Assert.Equal(2, Passed(limit, "192.0.2.1", 100));
        Assert.Equal(1, Passed(limit, "192.0.2.2", 100));
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(1, Passed(limit, "192.0.2.2", 1));
    }

    [Fact]
    public void What_is_given_back_can_be_taken_again()
    {
        var limit = new AddressLimit(new LimitsOptions(1, 1), _clock);
        var taken = limit.Take(IPAddress.Loopback);
        var refused = limit.Take(IPAddress.Loopback);

        AddressLimit.GiveBack(refused);
        Assert.False(limit.Take(IPAddress.Loopback).IsTaken);
        AddressLimit.GiveBack(taken);

        Assert.True(limit.Take(IPAddress.Loopback).IsTaken);
    }

    [Fact]
    public void Forgets_addresses_that_are_at_rest()
    {
        var limit = PerAddress(60);
        for (var i = 0; i < 1_000; i++)
        {
            limit.Take(AddressNo(i));
        }

        Assert.Equal(1_000, limit.Known);
        _clock.Advance(TimeSpan.FromSeconds(2));
        for (var i = 1_000; i < 1_200; i++)
        {
            limit.Take(AddressNo(i));
        }

        Assert.Equal(200, limit.Known);
    }

    [Fact]
    public void A_flood_of_addresses_shares_one_window_when_too_many_are_busy()
    {
        var limit = PerAddress(2);
        for (var i = 0; i < AddressLimit.AddressesMax; i++)
        {
            Assert.True(limit.Take(AddressNo(i)).IsTaken);
        }

        var passed = Enumerable.Range(AddressLimit.AddressesMax, 1_000).Count(i => limit.Take(AddressNo(i)).IsTaken);

        Assert.Equal(2, passed);
        Assert.Equal(AddressLimit.AddressesMax, limit.Known);
        Assert.True(limit.Take(AddressNo(7)).IsTaken);
        Assert.False(limit.Take(AddressNo(7)).IsTaken);
    }

    [Fact]
    public void Who_leaves_the_shared_window_does_not_get_a_second_minutes_worth()
    {
        var limit = PerAddress(2);
        for (var i = 0; i < AddressLimit.AddressesMax; i++)
        {
            limit.Take(AddressNo(i));
        }

        _clock.Advance(TimeSpan.FromSeconds(29));
        var shared = Passed(limit, "192.0.2.1", 5);
        _clock.Advance(TimeSpan.FromSeconds(1));
        var own = Passed(limit, "192.0.2.1", 5);

        Assert.Equal((2, 0), (shared, own));
        Assert.True(limit.Known < AddressLimit.AddressesMax);
    }

    [Fact]
    public void In_no_interval_an_address_or_all_of_them_send_more_than_they_may()
    {
        var step = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 20_000], Gen.Bool);

        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 10], step.Array[1, 100]).Sample((perAddress, ofAll, steps) =>
        {
            var clock = new FakeTimeProvider();
            var limit = new AddressLimit(new LimitsOptions(perAddress, ofAll), clock);
            var passed = new List<(int Address, TimeSpan At)>();
            var start = clock.GetTimestamp();
            foreach (var (address, wait, givesBack) in steps)
            {
                var take = limit.Take(AddressNo(address));
                if (take.IsTaken && givesBack)
                {
                    AddressLimit.GiveBack(take);
                }
                else if (take.IsTaken)
                {
                    passed.Add((address, clock.GetElapsedTime(start)));
                }

                clock.Advance(TimeSpan.FromMilliseconds(wait));
            }

            AssertNoInterval(ofAll, [.. passed.Select(static one => one.At)]);
            Assert.All(passed.GroupBy(static one => one.Address), mine =>
                AssertNoInterval(perAddress, [.. mine.Select(static one => one.At)]));
        }, iter: 3_000, threads: 1);
    }

    [Fact]
    public async Task Threads_of_many_addresses_get_their_limits_and_not_one_more()
    {
        var limit = new AddressLimit(new LimitsOptions(50, 450), _clock);

        var passed = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(
            () => (Address: i % 10, Passed: Enumerable.Range(0, 200).Count(_ => limit.Take(AddressNo(i % 10)).IsTaken)),
            TestContext.Current.CancellationToken)));

        Assert.Equal(450, passed.Sum(static one => one.Passed));
        Assert.All(
            passed.GroupBy(static one => one.Address),
            static mine => Assert.InRange(mine.Sum(static one => one.Passed), 0, 50));
    }

    [Theory]
    [InlineData("IP_RATE_LIMIT", "-1")]
    [InlineData("IP_RATE_LIMIT", "1000000001")]
    [InlineData("GLOBAL_RATE_LIMIT", "many")]
    public void A_setting_that_is_no_limit_is_named(string name, string value)
    {
        var settings = Settings(name, value);

        _ = LimitsOptions.Read(settings);

        Assert.StartsWith($"{name} must be a whole number from 0 to 1000000000", Assert.Single(settings.Complaints));
    }

    [Fact]
    public void Nothing_is_limited_by_default()
    {
        Assert.Equal(LimitsOptions.None, LimitsOptions.Read(Settings("OTHER", "1")));
        Assert.Equal(new LimitsOptions(5, 0), LimitsOptions.Read(Settings("IP_RATE_LIMIT", "5")));
        Assert.Equal(new LimitsOptions(0, 1_000_000), LimitsOptions.Read(Settings("GLOBAL_RATE_LIMIT", "1000000")));
    }

    private static SettingsReader Settings(string name, string value) => new(
        new Dictionary<string, string?>(StringComparer.Ordinal),
        new Dictionary<string, string>(StringComparer.Ordinal) { [name] = value },
        []);

    private static IPAddress AddressNo(int number) =>
        new([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    private static int Passed(AddressLimit limit, string? address, int asked)
    {
        var client = address is null ? null : IPAddress.Parse(address);
        return Enumerable.Range(0, asked).Count(_ => limit.Take(client).IsTaken);
    }

    private static void AssertNoInterval(int limit, IReadOnlyList<TimeSpan> passed)
    {
        for (var from = 0; limit > 0 && from < passed.Count; from++)
        {
            for (var to = from; to < passed.Count; to++)
            {
                var most = limit + limit * (passed[to] - passed[from]) / TimeSpan.FromMinutes(1);
                Assert.True(to - from + 1 <= most, $"{to - from + 1} passed from {passed[from]} to {passed[to]}.");
            }
        }
    }

    private AddressLimit PerAddress(long limit) => new(new LimitsOptions(limit, 0), _clock);
}

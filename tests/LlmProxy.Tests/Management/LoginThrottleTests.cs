using System.Globalization;
using System.Net;
using LlmProxy.Management;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class LoginThrottleTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Counts_one_ipv6_network_as_one_address()
    {
        var throttle = new LoginThrottle(_clock);
        for (var i = 1; i <= LoginThrottle.FailuresMax; i++)
        {
            Fail(throttle, $"2001:db8:1:2::{i:x}");
        }

        var neighbour = Succeed(throttle, "2001:db8:1:2:ffff::1");
        var stranger = Succeed(throttle, "2001:db8:1:3::1");

        Assert.False(neighbour.IsAllowed);
        Assert.True(stranger.IsAllowed);
    }

    [Fact]
    public void Counts_an_ipv4_address_the_same_when_it_comes_mapped_into_ipv6()
    {
        var throttle = new LoginThrottle(_clock);
        for (var i = 0; i < LoginThrottle.FailuresMax; i++)
        {
            Fail(throttle, "::ffff:192.0.2.7");
        }

        Assert.False(Succeed(throttle, "192.0.2.7").IsAllowed);
        Assert.True(Succeed(throttle, "192.0.2.8").IsAllowed);
    }

    [Fact]
    public void Forgets_the_oldest_address_when_it_knows_too_many()
    {
        var throttle = new LoginThrottle(_clock);
        for (var i = 0; i < LoginThrottle.FailuresMax; i++)
        {
            Fail(throttle, "192.0.2.7");
        }

        for (var i = 0; i < LoginThrottle.AddressesMax; i++)
        {
            Fail(throttle, string.Create(CultureInfo.InvariantCulture, $"10.1.{i / 256}.{i % 256}"));
        }

        Assert.True(Succeed(throttle, "192.0.2.7").IsAllowed);
    }

    [Fact]
    public void Says_once_that_an_address_used_up_its_attempts()
    {
        var throttle = new LoginThrottle(_clock);

        var outcomes = Enumerable.Range(0, 20).Select(_ => Fail(throttle, "192.0.2.7")).ToList();

        Assert.Equal(LoginThrottle.FailuresMax - 1, outcomes.FindIndex(outcome => outcome.WasTheLast));
        Assert.Single(outcomes, outcome => outcome.WasTheLast);
    }

    [Fact]
    public void Starts_a_new_count_when_the_window_ended()
    {
        var throttle = new LoginThrottle(_clock);
        for (var i = 0; i < LoginThrottle.FailuresMax - 1; i++)
        {
            Fail(throttle, "192.0.2.7");
        }

        _clock.Advance(LoginThrottle.Window);
        Fail(throttle, "192.0.2.7");

        Assert.True(Succeed(throttle, "192.0.2.7").IsAllowed);
    }

    private static LoginOutcome Fail(LoginThrottle throttle, string address) =>
        throttle.Judge(IPAddress.Parse(address), static () => false);

    private static LoginOutcome Succeed(LoginThrottle throttle, string address) =>
        throttle.Judge(IPAddress.Parse(address), static () => true);
}

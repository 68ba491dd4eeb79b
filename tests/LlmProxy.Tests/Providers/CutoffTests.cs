using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class CutoffTests
{
    [Fact]
    public void Tells_a_client_that_left_from_a_token_that_was_revoked()
    {
        using var clientGone = new CancellationTokenSource();
        using var revoked = new CancellationTokenSource();
        using var left = New(clientGone.Token, CancellationToken.None);
        using var ended = New(CancellationToken.None, revoked.Token);

        clientGone.Cancel();
        revoked.Cancel();

        Assert.Equal(CutoffReason.ClientGone, left.Reason);
        Assert.Equal(CutoffReason.Revoked, ended.Reason);
        Assert.True(left.Token.IsCancellationRequested && ended.Token.IsCancellationRequested);
    }

    [Fact]
    public async Task Gives_a_phase_no_more_than_is_left_of_the_total()
    {
        using var cutoff = New(CancellationToken.None, CancellationToken.None, total: TimeSpan.FromMilliseconds(20));

        cutoff.Within(TimeSpan.FromHours(1));

        await WhenTriggered(cutoff);
        Assert.Equal(CutoffReason.Timeout, cutoff.Reason);
    }

    [Fact]
    public async Task Lets_a_stream_outlive_the_total_but_not_its_silence()
    {
        using var cutoff = New(CancellationToken.None, CancellationToken.None, total: TimeSpan.Zero);

        cutoff.WithinEach(TimeSpan.FromMilliseconds(30));
        Assert.False(cutoff.IsTriggered);

        await WhenTriggered(cutoff);
    }

    [Fact]
    public void Leaves_nothing_of_one_exchange_to_the_next()
    {
        using var revoked = new CancellationTokenSource();
        for (var i = 0; i < 100; i++)
        {
            New(CancellationToken.None, revoked.Token).Dispose();
        }

        using var next = New(CancellationToken.None, CancellationToken.None);
        revoked.Cancel();

        Assert.False(next.IsTriggered);
    }

    private static Cutoff New(CancellationToken clientGone, CancellationToken revoked, TimeSpan? total = null) =>
        new(total ?? TimeSpan.FromHours(1), TimeProvider.System, clientGone, revoked);

    private static async Task WhenTriggered(Cutoff cutoff)
    {
        var triggered = new TaskCompletionSource();
        await using var registration = cutoff.Token.Register(triggered.SetResult);
        await triggered.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }
}

using CsCheck;
using LlmProxy.Limits;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Limits;

/// <summary>Two instances on one database do whatever comes to mind, beside a model that only counts.</summary>
public sealed class LeaseModelTests
{
    private enum Act
    {
        Spend,
        GiveBack,
        Settle,
        Stop,
        Kill,
        ChangeLimit,
        Rest,
    }

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_happens_no_request_is_served_beyond_the_limit_and_none_is_lost_without_a_crash()
    {
        var step = Gen.Select(
            Gen.Frequency(
                (12, Gen.Const(Act.Spend)), (3, Gen.Const(Act.GiveBack)), (2, Gen.Const(Act.Settle)),
                (1, Gen.Const(Act.Stop)), (1, Gen.Const(Act.Kill)), (2, Gen.Const(Act.ChangeLimit)),
                (2, Gen.Const(Act.Rest))),
            Gen.Int[0, 1], Gen.Int[1, 120]);

        await Gen.Select(Gen.Int[1, 120], step.Array[1, 60])
            .SampleAsync(async (limit, steps) => await RunAsync(limit, steps), iter: 60, threads: 2);
    }

    private static async Task RunAsync(int limit, (Act Act, int Instance, int Number)[] steps)
    {
        using var folder = new DatabaseFolder();
        var instances = new[] { await Instance.StartAsync(folder), await Instance.StartAsync(folder) };
        var token = await instances[0].GivenATokenAsync(limit);
        var (spent, wasKilled) = (0, false);
        var running = new Stack<Reservation>();
        foreach (var (act, number, amount) in steps)
        {
            var instance = instances[number];
            switch (act)
            {
                case Act.Spend when await instance.EnterAsync(token) is { Refusal: null, Reservation: var reserved }:
                    running.Push(reserved);
                    spent++;
                    Assert.True(spent <= limit, $"{spent} were served of {limit}.");
                    break;
                case Act.GiveBack when running.TryPop(out var released):
                    released.Release();
                    spent--;
                    break;
                case Act.Settle:
                    await instance.Leases.SettleAsync();
                    break;
                case Act.Stop:
                    await instance.StopAsync();
                    break;
                case Act.Kill:
                    wasKilled = true;
                    running.Clear();
                    await instance.DisposeAsync();
                    instances[number] = await Instance.StartAsync(folder);
                    break;
                case Act.ChangeLimit:
                    limit = amount;
                    await instance.Issuer.ChangeAsync(
                        token.Id, new TokenChange(null, new LimitChange { MaxRequests = limit }, null));
                    await instances[1 - number].Watch.CatchUpAsync(Aborted);
                    break;
                case Act.Rest:
                    instance.Clock.Advance(TimeSpan.FromSeconds(1));
                    break;
                default:
                    break;
            }
        }

        await instances[0].StopAsync();
        await instances[1].StopAsync();
        var counted = (await instances[0].RowOfAsync(token)).RequestCount;
        Assert.True(wasKilled ? counted >= spent : counted == spent, $"{counted} were counted, {spent} served.");
        await instances[0].DisposeAsync();
        await instances[1].DisposeAsync();
    }
}

using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Storage;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed class ChangeWatchTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Ends_here_what_was_revoked_elsewhere()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var running = await here.GrantOfAsync(token);

        await there.Issuer.RevokeAsync(token.Id);
        await here.Watch.CatchUpAsync(Aborted);

        Assert.True(running.IsRevoked);
        Assert.Equal("revoked", (await here.AdmitAsync(token)).Reason);
    }

    [Fact]
    public async Task Looks_by_itself()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var running = await here.GrantOfAsync(token);

        await there.Issuer.RevokeAsync(token.Id);

        var deadline = TimeProvider.System.GetTimestamp();
        while (!running.IsRevoked)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(20), "It runs on.");
            here.Clock.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Ends_here_all_that_was_revoked_elsewhere_with_its_project()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var other = await there.GivenATokenAsync();
        var (running, untouched) = (await here.GrantOfAsync(token), await here.GrantOfAsync(other));

        await there.Issuer.RevokeAllAsync(token.Project);
        await here.Watch.CatchUpAsync(Aborted);

        Assert.True(running.IsRevoked);
        Assert.False(untouched.IsRevoked);
    }

    [Fact]
    public async Task Ends_what_runs_under_the_tokens_of_a_deleted_project_here_and_elsewhere()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var (runningThere, runningHere) = (await there.GrantOfAsync(token), await here.GrantOfAsync(token));

        await there.Projects.DeleteAsync(token.Project);
        var atOnce = await there.AdmitAsync(token);
        await there.Watch.CatchUpAsync(Aborted);
        await here.Watch.CatchUpAsync(Aborted);

        Assert.Same(Refusal.InvalidToken, atOnce.Refusal);
        Assert.True(runningThere.IsRevoked);
        Assert.True(runningHere.IsRevoked);
        Assert.Same(Refusal.InvalidToken, (await here.AdmitAsync(token)).Refusal);
    }

    [Fact]
    public async Task Follows_a_project_that_was_changed_elsewhere()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var grant = await here.GrantOfAsync(token);

        await there.Projects.ChangeAsync(
            token.Project, new ProjectChange("renamed", new Secret("sk-brand-new-key"), IsActive: false));
        await here.Watch.CatchUpAsync(Aborted);

        Assert.Equal("renamed", grant.Project.Name);
        Assert.Equal("sk-brand-new-key", grant.Project.ProviderKey.Reveal());
        Assert.Same(Refusal.ProjectInactive, (await here.AdmitAsync(token)).Refusal);
    }

    [Fact]
    public async Task Follows_a_limit_that_was_changed_elsewhere()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync(maxRequests: 1_000);
        Assert.True(await here.TrySpendAsync(token));

        await there.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 3 }, null));
        await here.Watch.CatchUpAsync(Aborted);

        Assert.Equal(2, await here.SpendAllAsync(token));
    }

    [Fact]
    public async Task Knows_a_token_that_was_issued_elsewhere_after_it_was_asked_for_here()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var secret = TokenSecret.Create();
        var before = await here.Gate.AdmitAsync(secret.Reveal(), Aborted);
        await there.Get<TokenStore>().InsertAsync(new StoredToken
        {
            Id = Guid.CreateVersion7().ToString(),
            Hash = there.Get<TokenHasher>().Hash(secret.Reveal()).ToString(),
            ProjectId = (await there.GivenAProjectAsync()).ToString(),
            IsActive = true,
            ExpiresAt = there.Clock.GetUtcNow().AddHours(1).ToUnixTimeMilliseconds(),
            Version = 1,
        });

        await here.Watch.CatchUpAsync(Aborted);

        Assert.Equal("unknown", before.Reason);
        Assert.NotNull((await here.Gate.AdmitAsync(secret.Reveal(), Aborted)).Grant);
    }

    [Fact]
    public async Task Misses_nothing_when_it_was_held_up_for_longer_than_changes_are_kept()
    {
        await using var there = await Instance.StartAsync(_folder);
        await using var here = await Instance.StartAsync(_folder);
        var token = await there.GivenATokenAsync();
        var other = await there.GivenATokenAsync();
        var running = await here.GrantOfAsync(token);
        await here.AdmitAsync(other);
        await there.Issuer.RevokeAsync(token.Id);
        await there.Projects.ChangeAsync(other.Project, new ProjectChange("renamed", null, null));
        await there.Database.WriteAsync((connection, transaction) =>
        {
            for (var i = 0; i < 10_500; i++)
            {
                ChangeStore.Note(connection, transaction, ChangeStore.Token, Guid.CreateVersion7().ToString());
            }

            return true;
        });

        await here.Watch.CatchUpAsync(Aborted);

        Assert.True(running.IsRevoked);
        Assert.Equal("renamed", (await here.GrantOfAsync(other)).Project.Name);
    }
}

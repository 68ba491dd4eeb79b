using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed class TokenIssuerTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Issues_a_token_with_a_secret_that_is_in_no_row()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = await instance.GivenAProjectAsync();

        var issued = await instance.Issuer.IssueAsync(new TokenOrder(
            project, instance.Clock.GetUtcNow().AddMinutes(5), new LimitChange { MaxRequests = 7 }));

        Assert.Equal(instance.Clock.GetUtcNow().AddMinutes(5), issued.Row!.ExpiresAt);
        Assert.Equal(7, issued.Row.Limits.MaxRequests);
        Assert.True(TokenSecret.IsWellFormed(issued.Secret!.Reveal()));
        Assert.DoesNotContain(issued.Secret.Reveal(), issued.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Issues_nothing_for_a_project_that_is_not_there_or_is_switched_off()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var off = await instance.GivenAProjectAsync();
        await instance.Projects.ChangeAsync(off, new ProjectChange(null, null, IsActive: false));

        var end = instance.Clock.GetUtcNow().AddHours(1);
        var nowhere = await instance.Issuer.IssueAsync(new TokenOrder(Guid.CreateVersion7(), end, LimitChange.None));
        var inactive = await instance.Issuer.IssueAsync(new TokenOrder(off, end, LimitChange.None));

        Assert.Equal(new Issued(null, null, IssueFault.ProjectNotFound), nowhere);
        Assert.Equal(new Issued(null, null, IssueFault.ProjectInactive), inactive);
    }

    [Fact]
    public async Task Finds_a_token_by_its_id_and_by_its_secret()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();

        var byId = await instance.Issuer.FindAsync(token.Id.ToString(), Aborted);
        var bySecret = await instance.Issuer.FindAsync(token.Secret.Reveal(), Aborted);

        Assert.Equal(token.Id, byId!.Id);
        Assert.Equal(byId, bySecret);
        Assert.Null(await instance.Issuer.FindAsync("something else", Aborted));
        Assert.Null(await instance.Issuer.FindAsync(TokenSecret.Create().Reveal(), Aborted));
    }

    [Fact]
    public async Task Lists_the_newest_first_in_pages_that_miss_and_repeat_none()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = await instance.GivenAProjectAsync();
        var issued = new List<Guid>();
        for (var i = 0; i < 7; i++)
        {
            issued.Add((await instance.GivenATokenAsync(project)).Id);
            instance.Clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        var first = await instance.Issuer.ListAsync(new TokenQuery(null, false, null, 3), Aborted);
        await instance.GivenATokenAsync(project);
        var second = await instance.Issuer.ListAsync(new TokenQuery(null, false, first[^1].Id, 3), Aborted);
        var third = await instance.Issuer.ListAsync(new TokenQuery(null, false, second[^1].Id, 3), Aborted);

        Assert.Equal(Enumerable.Reverse(issued), first.Concat(second).Concat(third).Select(static row => row.Id));
    }

    [Fact]
    public async Task Lists_those_of_one_project_and_those_that_live()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var live = await instance.GivenATokenAsync();
        var revoked = await instance.GivenATokenAsync(live.Project);
        var expired = await instance.GivenATokenAsync(live.Project, lifetime: TimeSpan.FromMinutes(1));
        await instance.GivenATokenAsync();
        await instance.Issuer.RevokeAsync(revoked.Id);
        instance.Clock.Advance(TimeSpan.FromMinutes(1));

        var all = await instance.Issuer.ListAsync(new TokenQuery(live.Project, false, null, 10), Aborted);
        var active = await instance.Issuer.ListAsync(new TokenQuery(live.Project, true, null, 10), Aborted);

        Assert.Equal(new HashSet<Guid> { live.Id, revoked.Id, expired.Id },
            all.Select(static row => row.Id).ToHashSet());
        Assert.Equal(live.Id, Assert.Single(active).Id);
    }

    [Fact]
    public async Task Changes_only_what_it_is_asked_to()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 5);
        var before = await instance.RowOfAsync(token);
        var later = instance.Clock.GetUtcNow().AddHours(5);

        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, null, later));
        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 0 }, null));

        Assert.Equal(before with { ExpiresAt = later, Limits = LimitSet.None }, await instance.RowOfAsync(token));
    }

    [Fact]
    public async Task Prolongs_a_token_that_has_expired()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(lifetime: TimeSpan.FromMinutes(1));
        instance.Clock.Advance(TimeSpan.FromMinutes(2));
        var expired = await instance.AdmitAsync(token);

        await instance.Issuer.ChangeAsync(
            token.Id, new TokenChange(null, null, instance.Clock.GetUtcNow().AddMinutes(1)));

        Assert.Equal("expired", expired.Reason);
        Assert.NotNull((await instance.AdmitAsync(token)).Grant);
    }

    [Fact]
    public async Task Gives_a_token_that_is_taken_back_into_use_a_grant_that_nothing_has_ended()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 3);
        Assert.True(await instance.TrySpendAsync(token));
        await instance.Issuer.RevokeAsync(token.Id);

        var row = await instance.Issuer.ChangeAsync(token.Id, new TokenChange(IsActive: true, null, null));

        Assert.Null(row!.RevokedAt);
        Assert.False((await instance.GrantOfAsync(token)).IsRevoked);
        Assert.Equal(2, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task Revokes_once_and_says_the_same_again()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();

        var first = await instance.Issuer.RevokeAsync(token.Id);
        var at = (await instance.RowOfAsync(token)).RevokedAt;
        instance.Clock.Advance(TimeSpan.FromMinutes(1));
        var second = await instance.Issuer.RevokeAsync(token.Id);

        Assert.True(first);
        Assert.True(second);
        Assert.NotNull(at);
        Assert.Equal(at, (await instance.RowOfAsync(token)).RevokedAt);
        Assert.False(await instance.Issuer.RevokeAsync(Guid.CreateVersion7()));
    }

    [Fact]
    public async Task Revokes_all_tokens_of_a_project_and_of_no_other()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var first = await instance.GivenATokenAsync();
        var second = await instance.GivenATokenAsync(first.Project);
        var before = await instance.GivenATokenAsync(first.Project);
        var other = await instance.GivenATokenAsync();
        await instance.Issuer.RevokeAsync(before.Id);
        var running = await instance.GrantOfAsync(first);

        var outcome = await instance.Issuer.RevokeAllAsync(first.Project);

        Assert.Equal(new RevokedTokens(Revoked: 2, AlreadyRevoked: 1), outcome);
        Assert.True(running.IsRevoked);
        Assert.Equal("revoked", (await instance.AdmitAsync(second)).Reason);
        Assert.NotNull((await instance.AdmitAsync(other)).Grant);
        Assert.Null(await instance.Issuer.RevokeAllAsync(Guid.CreateVersion7()));
    }

    [Fact]
    public async Task Admits_what_was_issued_after_all_others_were_revoked()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = await instance.GivenAProjectAsync();
        for (var round = 0; round < 50; round++)
        {
            var revoking = instance.Issuer.RevokeAllAsync(project);
            await revoking;
            var token = await instance.GivenATokenAsync(project);

            Assert.NotNull((await instance.AdmitAsync(token)).Grant);
        }
    }
}

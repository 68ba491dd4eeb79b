using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Tests.Storage;
using Xunit;

namespace LlmProxy.Tests.Projects;

public sealed class ProjectDirectoryTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Makes_a_project_and_shows_four_characters_of_its_key()
    {
        await using var instance = await Instance.StartAsync(_folder);

        var outcome = await instance.Projects.CreateAsync("research", new Secret("sk-proj-0123456789abcdef"));

        Assert.Equal(ProjectFault.None, outcome.Fault);
        Assert.Equal("cdef", outcome.Row!.KeyLastFour);
        Assert.True(outcome.Row.IsActive);
        Assert.Equal(outcome.Row, await instance.Projects.FindAsync(outcome.Row.Id, Aborted));
    }

    [Fact]
    public async Task Takes_no_name_twice()
    {
        await using var instance = await Instance.StartAsync(_folder);
        await instance.GivenAProjectAsync("research");
        var other = await instance.GivenAProjectAsync("sales");

        var created = await instance.Projects.CreateAsync("research", new Secret("sk-proj-0123456789abcdef"));
        var renamed = await instance.Projects.ChangeAsync(other, new ProjectChange("research", null, null));

        Assert.Equal(new ProjectOutcome(null, ProjectFault.NameTaken), created);
        Assert.Equal(new ProjectOutcome(null, ProjectFault.NameTaken), renamed);
        Assert.Equal("sales", (await instance.Projects.FindAsync(other, Aborted))!.Name);
    }

    [Fact]
    public async Task Gives_a_name_to_one_of_many_who_want_it_at_once()
    {
        await using var instance = await Instance.StartAsync(_folder);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ =>
            instance.Projects.CreateAsync("research", new Secret("sk-proj-0123456789abcdef"))));

        Assert.Single(outcomes, static outcome => outcome.Fault == ProjectFault.None);
    }

    [Fact]
    public async Task Lists_by_name_from_where_the_page_before_ended()
    {
        await using var instance = await Instance.StartAsync(_folder);
        foreach (var name in (string[])["delta", "alpha", "charlie", "bravo"])
        {
            await instance.GivenAProjectAsync(name);
        }

        var first = await instance.Projects.ListAsync(string.Empty, 3, Aborted);
        var second = await instance.Projects.ListAsync("charlie", 3, Aborted);

        Assert.Equal(["alpha", "bravo", "charlie"], first.Select(static row => row.Name), StringComparer.Ordinal);
        Assert.Equal(["delta"], second.Select(static row => row.Name), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Keeps_what_it_is_not_asked_to_change_and_its_own_name()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var id = await instance.GivenAProjectAsync("research");
        var before = await instance.Projects.FindAsync(id, Aborted);
        instance.Clock.Advance(TimeSpan.FromMinutes(1));

        var outcome = await instance.Projects.ChangeAsync(id, new ProjectChange("research", null, IsActive: false));

        var now = instance.Clock.GetUtcNow();
        Assert.Equal(before! with { IsActive = false, DeactivatedAt = now, UpdatedAt = now }, outcome.Row);
        Assert.Equal(outcome.Row, await instance.Projects.FindAsync(id, Aborted));
    }

    [Fact]
    public async Task Forgets_when_it_was_switched_off_once_it_is_on_again()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var id = await instance.GivenAProjectAsync();
        await instance.Projects.ChangeAsync(id, new ProjectChange(null, null, IsActive: false));

        var outcome = await instance.Projects.ChangeAsync(id, new ProjectChange(null, null, IsActive: true));

        Assert.Null(outcome.Row!.DeactivatedAt);
    }

    [Fact]
    public async Task Says_of_a_project_that_is_not_there_that_it_is_not()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var nowhere = Guid.CreateVersion7();

        Assert.Null(await instance.Projects.FindAsync(nowhere, Aborted));
        Assert.False(await instance.Projects.DeleteAsync(nowhere));
        Assert.Equal(
            new ProjectOutcome(null, ProjectFault.NotFound),
            await instance.Projects.ChangeAsync(nowhere, new ProjectChange("name", null, null)));
    }

    [Fact]
    public async Task Takes_its_tokens_along_when_it_is_deleted()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var other = await instance.GivenATokenAsync();

        var wasThere = await instance.Projects.DeleteAsync(token.Project);

        Assert.True(wasThere);
        Assert.Null(await instance.Issuer.FindAsync(token.Id.ToString(), Aborted));
        Assert.NotNull(await instance.Issuer.FindAsync(other.Id.ToString(), Aborted));
    }

    [Fact]
    public async Task Does_not_open_a_key_that_was_copied_to_another_project()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var (victim, thief) = (await instance.GivenATokenAsync(), await instance.GivenATokenAsync());
        await instance.Database.WriteAsync((connection, _) => Sql.Run(connection, $"""
            UPDATE projects SET sealed_key = (SELECT sealed_key FROM projects WHERE id = '{victim.Project}')
            WHERE id = '{thief.Project}'
            """));

        var admission = await instance.AdmitAsync(thief);

        Assert.Null(admission.Grant);
    }
}
